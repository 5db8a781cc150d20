"""Programs that measure.  No part of the package: run them from the project's folder with ``python -m``."""
