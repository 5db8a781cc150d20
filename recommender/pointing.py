"""Which model recomputes use, and which ones they used before.

::

    models/
      active       the id of the model that recomputes use; not there for the default ranker
      history      the ids that were activated, oldest first, ``default`` among them

Without numpy and scikit-learn: who answers readers can tell what is active.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from recommender import durable
from recommender.errors import ModelCorrupt, ModelError, ModelsReadOnly, NoEarlierModel
from recommender.remote import Remote, is_url

DEFAULT: Final = "default"
"""What the ranker is called that is in no folder."""

KEPT: Final = 100
"""Activations that are remembered."""

Root = Path | str
"""Where models stand: a folder, or a URL."""


def place(root: Root) -> Path | Remote:
    """Give what reads there."""
    return Remote.at(str(root)) if is_url(root) else Path(root)


def writable(root: Root) -> Path:
    """Give the folder to write models to; raises ``ModelsReadOnly`` for a URL.

    A model is whole or not there, which takes a rename that not every storage has.
    """
    if is_url(root):
        raise ModelsReadOnly(
            f"{Remote.at(str(root))}: models at a URL are read only; train into a folder (--models DIR) and "
            "copy it there, the file `active` last"
        )
    return Path(root)


def active(root: Root) -> str | None:
    """Read which model recomputes use; ``None`` for the default ranker, as before the first training."""
    return _read(root, "active").strip() or None


def history(root: Root) -> list[str]:
    """Read what was activated, oldest first; those behind the last active one never came to be so."""
    return _read(root, "history").split()


def before(root: Root) -> str:
    """Tell what was active before what is; ``default`` for the default ranker.

    Raises ``NoEarlierModel`` where nothing was, or nobody noted it.
    """
    names, now = history(root), active(root) or DEFAULT
    last = max((at for at, name in enumerate(names) if name == now), default=0)
    if last == 0:
        raise NoEarlierModel(
            f"nothing was active before {now} in {place(root)}; `recommender models list` shows what there is"
        )
    return names[last - 1]


def point(root: Root, name: str) -> None:
    """Point at a model, or the default ranker; the pointer is replaced in one step.

    The history is written first.  If the power goes between the two, it ends
    with a name that is not active, which ``before`` passes over.
    """
    folder = writable(root)
    now, names = None, list[str]()
    with suppress(ModelCorrupt):  # what cannot be read is what somebody wants to mend
        now = active(folder) or DEFAULT
        if name == now:
            return
        names = history(folder)
    if now is not None and names[-1:] != [now]:
        names.append(now)
    replace(folder, "history", "\n".join([*names, name][-KEPT:]))
    if name != DEFAULT:
        replace(folder, "active", name)
        return
    try:
        durable.remove_file(folder / "active")
    except OSError as error:
        raise ModelError(f"{folder / 'active'}: cannot be removed: {error.strerror}") from error


def replace(folder: Path, name: str, line: str) -> None:
    """Write a small file whole or not at all; raises ModelError where it cannot be."""
    try:
        durable.write_file(folder / name, f"{line}\n".encode())
    except OSError as error:
        raise ModelError(f"{folder / name}: cannot be written: {error.strerror}") from error


def _read(root: Root, name: str) -> str:
    path = place(root) / name
    try:
        return path.read_text("ascii")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ModelCorrupt(f"{path}: cannot be read: {error}") from error
