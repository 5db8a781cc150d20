"""``python -m recommender``, and the ``recommender`` program.

It loads nothing by itself: worker processes import the module that started
them, and must not wait for a command line they do not use.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from recommender.cli import main as run

    run()


if __name__ == "__main__":
    main()
