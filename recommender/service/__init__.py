"""What a reader asks for: the related stories of a story, chosen by options; and what an editor orders.

The command line and HTTP call this; it knows neither.  An answer is two
indexed reads of the store, the story with its packed neighbours and the cards
of those that are shown, and no model.
"""

from recommender.service.desk import Curation, Desk
from recommender.service.draft import Draft
from recommender.service.options import Options
from recommender.service.searching import Hits
from recommender.service.service import Answer, Service, Story

__all__ = ["Answer", "Curation", "Desk", "Draft", "Hits", "Options", "Service", "Story"]
