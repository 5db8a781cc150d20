"""Related stories for newsrooms, learned from editors' curated links."""

__version__ = "0.1.0"
