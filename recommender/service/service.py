"""The service as HTTP and the command line hold it: stories in, answers out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import orjson

from recommender.aside import Aside
from recommender.errors import UnknownStory
from recommender.neighbours import Neighbour, copies, unpacked
from recommender.service import answer_ids, learned
from recommender.service.choosing import Chosen, choose, known
from recommender.service.desk import Desk
from recommender.service.draft import Draft
from recommender.service.filling import NEAREST, NEAREST_NARROW, fill
from recommender.service.items import FILLS, Placed, as_json, explainable, written
from recommender.service.options import Options
from recommender.service.pinning import Obeyed, placed
from recommender.service.searching import Hits, search
from recommender.service.selection import Filters, Shown, Window
from recommender.store import Found, Orders, Store
from recommender.urls import canonical

if TYPE_CHECKING:
    from recommender.live.drafts import Drafts
    from recommender.service.explaining import Explainer


class Answer(NamedTuple):
    """The related stories of a story.

    ``url`` is the story's own, as its publisher writes it, ``None`` for a text
    without one.  ``texts`` are JSON objects, best first: ``rank`` from 1,
    ``score`` (0–1, four decimals), ``source`` (``pinned``, ``curated``,
    ``model``, or ``fill`` with score 0), the fields of ``articles.card``, and
    ``alternates``: of its copies the fields ``ALTERNATE``; if asked for also
    ``why`` (``Explainer.explain``).
    ``model`` and ``generation`` are ``None`` before the first recompute.
    ``age`` is the story's, in seconds, when the answer was made; ``None``
    without a date.  ``ranked`` is false for a story that no recompute has
    seen.  ``id`` says what was shown (``answer_ids``), if it is a list that
    is served.
    """

    url: str | None
    model: str | None
    generation: int | None
    texts: Sequence[str]
    age: float | None
    ranked: bool = True
    id: str | None = None

    @property
    def items(self) -> list[Shown]:
        """The objects of ``texts``, each read when it is looked into."""
        return list(map(Shown, self.texts))

    def json(self) -> bytes:
        """Write the answer as HTTP and ``--json`` give it; equal answers are equal bytes."""
        head = as_json({"url": self.url, "id": self.id, "model": self.model, "generation": self.generation})
        return f'{head[:-1]},"items":[{",".join(self.texts)}]}}'.encode()


@dataclass(frozen=True, slots=True)
class Story:
    """A story as it is shown: its URL, its ``articles.card``, the active generation and its age (seconds)."""

    url: str
    card: dict[str, Any]
    generation: int | None
    age: float | None

    def json(self) -> bytes:
        """Write the story as HTTP gives it; equal stories are equal bytes."""
        return orjson.dumps({"url": self.url, "generation": self.generation, **self.card})


_DEFAULTS: Final = Options()

NO_STORY: Final = 0
"""An id that no story has."""


class Service:
    """Answers from a store; safe to share between threads.

    ``models`` is the folder of the models, or a URL, read for texts that are no
    stories yet; ``clock`` tells the time in seconds since 1970 (UTC).  ``desk`` is
    where editors order.  Methods raise StoreUnavailable when the store does not answer.
    """

    def __init__(
        self, store: Store, models: Path | str = "models", *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._models = models
        self._clock = clock
        self.desk = Desk(store, clock)
        self._drafts = Aside(self._ranking, "the archive")

    @classmethod
    def open(cls, store: str, models: Path | str = "models") -> Self:
        """Open the store of that URL, as it is: nothing is created or upgraded.

        Raises as ``Store.open``.
        """
        return cls(Store.open(store, create=False), models)

    def close(self) -> None:
        """Close the store; the service is not to be used after."""
        self._store.close()

    @cached_property
    def _explainer(self) -> Explainer:
        # Loaded when it is asked for: it needs numpy, which takes 11 MB.
        from recommender.service.explaining import Explainer

        return Explainer(self._store)

    @property
    def store(self) -> Store:
        """The store, for those who write to it."""
        return self._store

    @property
    def immediate(self) -> bool:
        """Whether an answer waits for nobody: its store is a file, not a server."""
        return self._store.immediate

    def state(self) -> Hashable:
        """Tell one state of the store from another: see ``Store.state``."""
        return self._store.state()

    def related(self, url: str, options: Options = _DEFAULTS) -> Answer:
        """Find the stories to read after the one at ``url``, which may be any form of its address.

        Never among them: the story itself, removed stories, stories dated in
        the future, and those that an editor blocked from its list.  The list of
        a story that no recompute has seen yet is filled, if ``options`` say so,
        and else empty, but for pins.

        Raises InvalidURL, and UnknownStory if no story has the address or it
        is removed.
        """
        return self._answer(self._find(url, reasons=options.explain), options)

    def compared(self, url: str, model: str, options: Options = _DEFAULTS) -> Answer:
        """Find the stories to read after the one at ``url`` as another model would have them.

        The first one may take seconds, as with ``drafted``.  Raises as
        ``related``, and as ``Drafts.ranked_by``.
        """
        story = self._find(url)
        ranked = self._drafts.get().ranked_by(model, story.id)
        return self._answer(story._replace(**ranked._asdict()), options)._replace(id=None)

    def drafted(self, draft: Draft, options: Options = _DEFAULTS) -> Answer:
        """Find the stories to read after a text that is no story yet.

        The first text has the archive loaded, which stays; it waits some
        seconds for that.  Raises InProgress if that takes longer,
        NothingRecomputed before the first recompute, and ModelError where the
        model of the lists that are served cannot be read.
        """
        published = draft.published_date_time or datetime.fromtimestamp(self._clock(), UTC)
        provider = draft.provider.domain or draft.provider.name
        ranked = self._drafts.get().ranked(draft.title, draft.excerpt, published, provider, draft.topics)
        own = [canonical(draft.web_url)] if draft.web_url else []
        story = Found(
            id=NO_STORY,
            key="",
            url=draft.web_url,
            published_at=int(published.timestamp()),
            removed=False,
            card=draft.card(published),
            **ranked._asdict(),
        )
        options = options.model_copy(update={"exclude": (*options.exclude, *own)})
        return self._answer(story, options)._replace(id=None)

    def _ranking(self) -> Drafts:
        # What ranks takes a process seconds and 150 MB to load; most answer from lists alone.
        from recommender.live.drafts import Drafts

        return Drafts(self._store, self._models)

    def _answer(self, story: Found, options: Options) -> Answer:
        filters = Filters(options, Window.of(options, story.published_at), self._clock())
        left_out = {story.id, *self._ids(options.exclude)}
        packed = story.packed or b""
        entries: Iterable[Neighbour] = unpacked(packed, options.curated)
        alike = copies(packed, options.curated)
        left: Sequence[Neighbour] = alike
        read, room, obeyed = self._store.cards, options.limit, None
        if story.orders is not None:
            obeyed = Obeyed.of(Orders.read(story.orders), entries, alike, left_out, filters, read)
            entries, left, room = obeyed.entries, obeyed.copies, obeyed.room(room)
        pins, blocks = (obeyed.pins, obeyed.blocks) if obeyed else ((), ())
        chosen = list(islice(choose(entries, left, left_out, filters, read, pins), room))
        shown: list[Placed] = list(chosen)
        if options.fill and len(chosen) < room:
            more = self._fill(story, filters, alike, [*pins, *chosen], left_out, blocks)
            filling = islice(more, room - len(chosen))
            shown += [(Neighbour(article, 0.0, FILLS), card, (), False) for article, card in filling]
        if obeyed is not None:
            shown = list(islice(placed(pins, obeyed.places, shown), options.limit))
        texts, marks = written(shown)
        if options.explain:
            whys = self._explainer.explain(story, explainable(shown), filters.now)
            texts = [f'{text[:-1]},"why":{as_json(why)}}}' for text, why in zip(texts, whys, strict=True)]
        ranked, generation = story.packed is not None, story.generation
        told = None if generation is None else answer_ids.write(generation, story.id, marks)
        return Answer(story.url or None, story.model, generation, texts, self._age(story), ranked, told)

    def story(self, url: str) -> Story:
        """Find the story at ``url``, any form of its address; raises as ``related``."""
        found = self._find(url, listed=False)
        return Story(found.url, orjson.loads(found.card), found.generation, self._age(found))

    def search(self, q: str, limit: int = 10) -> Hits:
        """Find stories by words, as ``Store.search``; where ``q`` is the URL of a story, that story alone."""
        return search(self._store, q, limit, int(self._clock()))

    def models(self) -> dict[str, Any]:
        """List the models; see ``learned.models``."""
        return learned.models(self._store, self._models)

    def evaluation(self) -> dict[str, Any]:
        """Tell how good the served model is; see ``learned.evaluation``."""
        return learned.evaluation(self._store, int(self._clock()))

    def missing(self) -> dict[str, str]:
        """Tell what answers still need, ``stories`` or ``generation``, and what to do about it.

        Empty if nothing is missing.  Cheap once something was recomputed.
        """
        generation = self._store.generation()
        if generation is not None and generation.stories:
            return {}
        status = self._store.status()
        missing = {}
        if status.stories == status.removed:
            missing["stories"] = "the store has no stories: import some"
        if generation is None:
            missing["generation"] = "no related stories were computed yet: run a recompute"
        return missing

    def _find(self, url: str, *, listed: bool = True, reasons: bool = False) -> Found:
        found = self._store.find(canonical(url), listed=listed, reasons=reasons)
        if found is None or found.removed:
            raise UnknownStory.of(url)
        return found

    def _age(self, story: Found) -> float | None:
        return None if story.published_at is None else self._clock() - story.published_at

    def _fill(
        self,
        story: Found,
        filters: Filters,
        alike: Sequence[Neighbour],
        chosen: Sequence[Chosen],
        left_out: set[int],
        blocks: Collection[int],
    ) -> Iterator[tuple[int, Shown]]:
        """Yield ids and cards of stories near in time that are not shown yet, nor copies of what is."""
        bounds = filters.window.seconds(filters.now)
        if bounds is None:
            return
        options = filters.options
        hidden = left_out.union(blocks, (one.neighbour.article for one in chosen))
        if options.duplicates != "show":
            groups = known(alike, left_out) | {one.neighbour.group for one in chosen}
            hidden |= {one.article for one in alike if one.group in groups}
        now = int(filters.now)
        moment = now if story.published_at is None else min(story.published_at, now)
        rows = NEAREST_NARROW if options.narrow else NEAREST
        near = self._store.near(moment, *bounds, rows)
        shown = [card for one in chosen for card in (one.card, *one.copies)]
        yield from fill(near, Shown(story.card), moment, filters, hidden, shown)

    def _ids(self, keys: Sequence[str]) -> Iterator[int]:
        for key in keys:
            found = self._store.find(key, listed=False)
            if found is not None:
                yield found.id
