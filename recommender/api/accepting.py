"""What ``POST /articles`` takes and answers, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from recommender.api.responses import EXAMPLE_URL, RELATED_CARD, STORY_CARD, responses
from recommender.api.schemas import Posted

_POSTED: Final = {
    "new": 1,
    "changed": 0,
    "unchanged": 0,
    "rejected": 1,
    "items": [
        {"url": EXAMPLE_URL, "status": "new", "warnings": ["quality is not a finite number: left out"]},
        {"url": f"{EXAMPLE_URL}/live", "status": "rejected", "reason": "no title"},
    ],
}
POST_RESPONSES: Final = responses(401, 403, 413, 422, 503, model=Posted, example=_POSTED)

_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_ADDRESS: Final = {"type": "string", "format": "uri"}
_STORY: Final = {"$ref": "#/components/schemas/Article"}
_STORIES: Final[dict[str, Any]] = {"type": "array", "items": _STORY, "minItems": 1, "maxItems": 500}
SCHEMAS: Final[dict[str, Any]] = {
    "Article": {
        "type": "object",
        "title": "Article",
        "description": "A story in the fields of the seed document, of which these are some.",
        "properties": {
            "title": _TEXT | {"description": "The headline."},
            "webUrl": _ADDRESS | {"description": "Its address; required, or `originalUrl` is."},
            "originalUrl": _ADDRESS | {"description": "Where it was published first."},
            "ampWebUrl": _ADDRESS | {"description": "Its AMP page: the story is found by this address too."},
            "cdnAmpWebUrl": _ADDRESS | {"description": "That page on an AMP cache."},
            "excerpt": _TEXT | {"description": "A paragraph or more of the text, without markup."},
            "publishedDateTime": {
                "type": "string",
                "format": "date-time",
                "description": "When it came out; without a zone it is of setting `zone`, UTC by default.",
            },
            "type": _TEXT | {"description": "`article`, if not given."},
            "provider": {
                "$ref": "#/components/schemas/ArticleProvider",
                "description": "The outlet that published it.",
            },
            "topics": _TEXTS | {"description": "Its topics."},
            "quality": {"type": "number", "description": "How good it is, on any scale."},
            "images": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/ArticleImage"},
                "description": "Its pictures.",
            },
            "related": {
                "type": "array",
                "items": _STORY,
                "description": "The stories that its editors link to, each with `title` and `webUrl`.",
            },
            "removed": {"type": "boolean", "description": "True takes the story back, as DELETE does."},
        },
        "required": ["title"],
    },
    "ArticleProvider": {
        "type": "object",
        "title": "ArticleProvider",
        "description": "The outlet that published a story, as it is posted.",
        "properties": {"name": _TEXT, "domain": _TEXT},
    },
    "ArticleImage": {
        "type": "object",
        "title": "ArticleImage",
        "description": "A picture of a story, as it is posted; sizes in pixels.",
        "properties": {
            "url": _ADDRESS,
            "width": {"type": "integer"},
            "height": {"type": "integer"},
            "title": _TEXT,
        },
        "required": ["url"],
    },
    "Articles": {
        "type": "object",
        "title": "Articles",
        "description": "Several stories.",
        "properties": {"articles": _STORIES},
        "required": ["articles"],
    },
}
"""What ``sources.document`` reads, told in OpenAPI.

No model, for FastAPI would refuse a whole list for a field that the reader leaves out with a warning.
"""

POST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "description": "A story in the fields of the seed document, of which these are some; or a "
                'list of 1 to 500 stories; or `{"articles": [...]}`.',
                "anyOf": [_STORY, _STORIES, {"$ref": "#/components/schemas/Articles"}],
                "example": {
                    "title": STORY_CARD["title"],
                    "webUrl": EXAMPLE_URL,
                    "excerpt": STORY_CARD["excerpt"],
                    "publishedDateTime": STORY_CARD["publishedDateTime"],
                    "provider": STORY_CARD["provider"],
                    "topics": STORY_CARD["topics"],
                    "related": [{"title": RELATED_CARD["title"], "webUrl": RELATED_CARD["webUrl"]}],
                },
            }
        }
    },
}
