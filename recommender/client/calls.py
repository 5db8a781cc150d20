"""What can be asked: each request, and how its answer is read.  Nothing here sends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, TypeVar

import httpx2
import orjson

from recommender.client.answers import Hits, Posted, Ready, Related, Story, read
from recommender.client.curation import Audit, Curation
from recommender.client.options import Reason, parameters
from recommender.client.problems import NotFound, ProblemError, UnexpectedAnswer, problem
from recommender.client.problems import read as refused
from recommender.client.reports import Evaluation, Models

T = TypeVar("T")

PASSING: Final = frozenset((429, 502, 503, 504))
"""Statuses after which the same request may be answered a moment later."""

MOST: Final = 500
"""Stories that the service takes at once."""

MOST_RELATED: Final = 10_000
"""Entries of their lists ``related`` that it takes at once."""

MOST_URLS: Final = 1_000
"""Stories that it answers for at once."""

MOST_BYTES: Final = 5_000_000
"""Bytes of a body that it takes."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, which may be sent again, for it changes nothing the second time; or ``once`` alone.

    ``read`` makes the answer of a response and of how often the request was
    sent before it; it raises ClientError.  ``passing`` are the statuses after
    which it is sent again.
    """

    method: str
    path: str
    read: Callable[[httpx2.Response, int], T]
    query: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    passing: frozenset[int] = PASSING
    once: bool = False


def related(url: str, options: Mapping[str, object]) -> Call[Related]:
    """Ask for the list of a story."""
    return Call("GET", "related", _answer(Related), [("url", url), *parameters(options)])


def related_many(
    urls: Iterable[str], options: Mapping[str, object]
) -> Iterator[Call[list[Related | ProblemError]]]:
    """Ask for the lists of stories in as few parts as the service takes.

    Raises TypeError for options of which JSON has no word.
    """
    given = {name: _json_of(value) for name, value in options.items() if value is not None}
    left = iter(urls)
    while part := list(islice(left, MOST_URLS)):
        body = orjson.dumps({**given, "urls": part})
        yield Call("POST", "related/batch", _lists(len(part)), body=body)


def _json_of(value: object) -> object:
    """Write an option as JSON has it: several as a list."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return list(value)
    return value


def _lists(asked: int) -> Callable[[httpx2.Response, int], list[Related | ProblemError]]:
    def answer(response: httpx2.Response, _: int) -> list[Related | ProblemError]:
        if not response.is_success:
            raise problem(response)
        told = _json(response)
        answers = told.get("answers") if isinstance(told, dict) else None
        if not isinstance(answers, list) or len(answers) != asked:
            raise UnexpectedAnswer(f"not what the API promises: no list of {asked} answers")
        return [
            refused(each["status"], each) if _is_problem(each) else read(Related, each) for each in answers
        ]

    return answer


def _is_problem(told: object) -> bool:
    return (
        isinstance(told, dict) and isinstance(told.get("type"), str) and isinstance(told.get("status"), int)
    )


def drafted(
    title: str, excerpt: str, draft: Mapping[str, Any] | None, options: Mapping[str, object]
) -> Call[Related]:
    """Ask for the list of a text that is no story yet."""
    body = orjson.dumps({**(draft or {}), "title": title, "excerpt": excerpt})
    return Call("POST", "related", _answer(Related), list(parameters(options)), body)


def story(url: str) -> Call[Story]:
    """Ask for a story."""
    return Call("GET", "articles", _answer(Story), [("url", url)])


def search(q: str, limit: int) -> Call[Hits]:
    """Look for stories."""
    return Call("GET", "search", _answer(Hits), [("q", q), ("limit", str(limit))])


def publish(stories: Iterable[Mapping[str, Any]]) -> Iterator[Call[Posted]]:
    """Post stories in as few parts as the service takes; ``posted`` puts the answers together.

    Raises TypeError at what is no story, before its part is sent.
    """
    part: list[tuple[Mapping[str, Any], bytes]] = []
    size = links = 0
    for place, each in enumerate(stories):
        if not isinstance(each, Mapping):
            raise TypeError(
                f"stories[{place}] is of type {type(each).__name__}: expected a mapping with the fields of "
                "the seed document, such as webUrl and title"
            )
        text = orjson.dumps(dict(each))
        related = each.get("related")
        more = len(related) if isinstance(related, list | tuple) else 0
        if part and (len(part) == MOST or size + len(text) > MOST_BYTES or links + more > MOST_RELATED):
            yield _part(part)
            part, size, links = [], 0, 0
        part.append((each, text))
        links += more
        size += len(text) + 2  # a comma; the brackets are those of the first
    if part:
        yield _part(part)


def posted(parts: Sequence[Posted]) -> Posted:
    """Put the answers to the parts together."""
    counts = {name: sum(getattr(part, name) for part in parts) for name in _COUNTS}
    return read(Posted, {**counts, "items": [item.raw for part in parts for item in part.items]})


def remove(url: str) -> Call[None]:
    """Take a story back."""

    def answer(response: httpx2.Response, before: int) -> None:
        try:
            _nothing(response)
        except NotFound:
            # Sent again, it may meet that it was done the first time.
            if not before:
                raise

    return Call("DELETE", "articles", answer, [("url", url)])


def order(url: str, other: str, kind: str, slot: int | None, by: str) -> Call[Curation]:
    """Pin or block a story."""
    body = orjson.dumps({"url": url, "other": other, "kind": kind, "slot": slot, "by": by})
    return Call("PUT", "curation", _answer(Curation), body=body)


def clear(url: str, other: str, by: str) -> Call[Curation]:
    """Take an order back."""
    return Call("DELETE", "curation", _answer(Curation), [("url", url), ("other", other), ("by", by)])


def curation(url: str) -> Call[Curation]:
    """Ask for the orders about a story."""
    return Call("GET", "curation", _answer(Curation), [("url", url)])


def audit(reason: Reason | None, limit: int) -> Call[Audit]:
    """Ask what deserves an editor's look."""
    query = [("limit", str(limit)), *parameters({"reason": reason})]
    return Call("GET", "curation/audit", _answer(Audit), query)


def undo(url: str, by: str) -> Call[Curation]:
    """Undo what was last done about a story; twice, it would undo two things."""
    body = orjson.dumps({"url": url, "by": by})
    return Call("POST", "curation/undo", _answer(Curation), body=body, once=True)


def count(events: Sequence[Mapping[str, Any]]) -> Call[None]:
    """Tell what readers were shown and clicked; twice, it would be counted twice."""

    def answer(response: httpx2.Response, _: int) -> None:
        _nothing(response)

    return Call("POST", "events", answer, body=orjson.dumps({"events": events}), once=True)


def models() -> Call[Models]:
    """Ask for the models."""
    return Call("GET", "models", _answer(Models))


def evaluation() -> Call[Evaluation]:
    """Ask how good the served model is."""
    return Call("GET", "evaluation", _answer(Evaluation))


def ready() -> Call[Ready]:
    """Ask whether stories can be answered for: not to be is an answer, too."""

    def answer(response: httpx2.Response, _: int) -> Ready:
        if response.is_success:
            told = _json(response)
            if not isinstance(told, dict) or told.get("status") != "ready":
                raise UnexpectedAnswer('not what the API promises: {"status": "ready"}')
            return Ready(raw=told, ready=True)
        error = problem(response)
        if error.type != "urn:recommender:error:not-ready":
            raise error
        return Ready(raw=_json(response), ready=False, missing=error.errors)

    return Call("GET", "health/ready", answer, passing=PASSING - {503})


_COUNTS: Final = ("new", "changed", "unchanged", "rejected")


def _answer(kind: type[T]) -> Callable[[httpx2.Response, int], T]:
    def answer(response: httpx2.Response, _: int) -> T:
        if not response.is_success:
            raise problem(response)
        return read(kind, _json(response))

    return answer


def _nothing(response: httpx2.Response) -> None:
    """Read the answer of what is done and tells nothing."""
    if not response.is_success:
        raise problem(response)
    if response.status_code != 204:
        raise UnexpectedAnswer(
            f"not what the API promises: {response.status_code}, where 204 says it is done"
        )


def _part(part: Sequence[tuple[Mapping[str, Any], bytes]]) -> Call[Posted]:
    def answer(response: httpx2.Response, _: int) -> Posted:
        if response.is_success:
            return read(Posted, _json(response))
        error = problem(response)
        if error.type != "urn:recommender:error:invalid-story":
            raise error
        return _rejected([story for story, _ in part], error)

    body = b"[%b]" % b",".join(text for _, text in part)
    return Call("POST", "articles", answer, body=body)


def _rejected(stories: Sequence[Mapping[str, Any]], error: ProblemError) -> Posted:
    """Say of each story that it was rejected: the service says so at once where none of a body is a story."""
    if len(error.errors) != len(stories):
        raise UnexpectedAnswer(
            f"not what the API promises: {len(error.errors)} reasons for {len(stories)} stories"
        ) from error
    items = [
        {"url": url if isinstance(url, str) else None, "status": "rejected", "reason": fault.reason}
        for story, fault in zip(stories, error.errors, strict=True)
        for url in [story.get("webUrl") or story.get("originalUrl")]
    ]
    counts = dict.fromkeys(_COUNTS, 0) | {"rejected": len(items)}
    return read(Posted, {**counts, "items": items})


def _json(response: httpx2.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        kind = response.headers.get("content-type", "no type")
        raise UnexpectedAnswer(f"{response.status_code} with what is not JSON ({kind}): {error}") from error
