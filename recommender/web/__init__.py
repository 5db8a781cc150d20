"""What people look at: the page at ``/``, and the widget that publishers put into theirs.

Plain files, served from memory; all that they show they ask of the API.
"""

from recommender.web.serving import install

__all__ = ["install"]
