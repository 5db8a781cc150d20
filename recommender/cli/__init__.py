"""The command line: parse, call, print.  Everything it does is a function of ``pipeline`` or ``service``."""

from recommender.cli.main import app, main

__all__ = ["app", "main"]
