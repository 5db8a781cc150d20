"""The audit: which links are doubtful and why, what the model thinks of them, and how it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stories import document, key, save, story, wipe

from recommender.__main__ import main
from recommender.cli.auditing import MEANINGS
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.pipeline.auditing import BETTER, UNLIKELY, audit
from recommender.pipeline.doubts import Audit, Given, Reason, View
from recommender.store import Store

NOW = 1_577_836_800 + 100 * 86_400
"""Day 100 of 2020, by the clock of ``stories.story``."""
NOWHERE = "story:0123456789abcdef0123456789abcdef"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store; that both databases read the same is tested with the store."""
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        yield opened


def id_of(store: Store, name: str) -> int:
    found = store.find(key(name))
    assert found is not None
    return found.id


def publish(store: Store, lists: dict[str, Sequence[tuple[str, float, int]]], model: str = "m") -> int:
    """Publish lists of (name, score, place among the curated ones, 0 for none), best first."""
    rows = []
    for name, listed in lists.items():
        packed = np.zeros(len(listed), NEIGHBOUR_DTYPE)
        packed["article"] = [id_of(store, one) for one, _, _ in listed]
        packed["score"] = [score for _, score, _ in listed]
        packed["curated"] = [place for _, _, place in listed]
        rows.append((id_of(store, name), packed.tobytes()))
    return store.publish(model, rows)


def told(done: Audit) -> set[tuple[str, str, str]]:
    """Tell an audit as (reason, story, target or key)."""
    names = {story: named.url.rsplit("/", 1)[-1] for story, named in done.stories.items()}
    return {
        (str(reason), names[one.source], names.get(one.target or 0, one.key))
        for reason, doubts in done.doubts.items()
        for one in doubts
    }


# Reasons


def test_links_both_ways_and_mentions_are_no_fault(store: Store) -> None:
    save(store, document(story("a"), story("b"), story("mention")), document(story("b"), story("a")))
    done = audit(store, NOW)
    assert told(done) == set()
    assert done.counts == dict.fromkeys(Reason, 0)
    assert (done.links, done.sources, done.generation, done.model) == (3, 2, None, None)


def test_a_target_that_no_story_answers_to_is_dead(store: Store) -> None:
    save(store, document(story("a"), origin="a.md", links=[NOWHERE]))
    done = audit(store, NOW)
    assert told(done) == {("dead", "a", NOWHERE)}
    (doubt,) = done.doubts[Reason.DEAD]
    assert (doubt.target, doubt.given, doubt.view) == (None, (Given("a.md", 1),), None)


def test_an_editor_who_blocks_a_link_has_looked_at_it(store: Store) -> None:
    save(store, document(story("a"), story("b"), story("c")), document(story("b"), story("c")))
    before = audit(store, NOW)
    assert {("one-way", "a", "b"), ("one-way", "b", "c")} & told(before)
    store.curate(id_of(store, "b"), id_of(store, "a"), "block", by="", at=1)
    after = audit(store, NOW)
    assert told(after) == {one for one in told(before) if one[1:] not in (("a", "b"), ("b", "a"))}
    assert after.links == before.links - 1


def test_another_address_of_the_story_itself(store: Store) -> None:
    save(store, document(story("a", original_url="https://b.example/a"), links=["https://b.example/a"]))
    assert told(audit(store, NOW)) == {("itself", "a", "a")}


@pytest.mark.parametrize(
    ("source", "target", "detail"),
    [
        ({}, {"removed": True}, "the target is removed"),
        ({"removed": True}, {}, "the story itself is removed"),
        ({}, {"day": 100 + 1 / 86_400}, "the target is dated 2020-04-10T00:00:01Z"),
        ({}, {"day": 100}, ""),
        ({}, {"day": None}, ""),
        ({"day": 101}, {}, ""),
        ({}, {"published": False}, ""),
    ],
    ids=["target", "source", "future", "this second", "undated", "prepared", "published: false"],
)
def test_what_readers_cannot_see_is_unpublished(
    store: Store, source: dict[str, Any], target: dict[str, Any], detail: str
) -> None:
    save(store, document(story("b", **target)), document(story("a", **source), links=[key("b")]))
    done = audit(store, NOW)
    assert [one.detail for one in done.doubts[Reason.UNPUBLISHED]] == [detail] * bool(detail)
    assert sum(done.counts.values()) == bool(detail)


def test_two_addresses_of_one_target_in_a_document_are_a_duplicate(store: Store) -> None:
    other = "https://b.example/b"
    save(store, document(story("b", original_url=other), story("a")))
    save(store, document(story("a"), origin="a.md", links=[key("b"), NOWHERE, other]))
    done = audit(store, NOW)
    (doubt,) = done.doubts[Reason.DUPLICATE]
    assert (doubt.key, doubt.given) == (other, (Given("a.md", 3),))
    assert doubt.detail == "the same story as link 1"


def test_two_documents_may_give_the_same_link(store: Store) -> None:
    other = "https://b.example/b"
    save(store, document(story("b", original_url=other), story("a")))
    for origin, *targets in (("1.md", key("b")), ("2.md", key("c"), other), ("3.md", key("c"), key("b"))):
        save(store, document(story("a"), story("c"), origin=origin, links=targets))
    done = audit(store, NOW)
    assert sum(done.counts.values()) == 0
    assert done.links == 4, "a has b, the other address of b, and c; b has a"


def test_a_duplicate_is_told_of_the_document_that_repeats(store: Store) -> None:
    other = "https://b.example/b"
    save(store, document(story("b", original_url=other), story("a")))
    save(store, document(story("a"), origin="1.md", links=[other]))
    save(store, document(story("a"), origin="2.md", links=[key("b"), other]))
    (doubt,) = audit(store, NOW).doubts[Reason.DUPLICATE]
    assert doubt.given == (Given("2.md", 2),)


def test_a_link_that_several_documents_give_is_told_once_with_all_of_them(store: Store) -> None:
    for origin in ("1.md", "2.md"):
        save(store, document(story("a"), origin=origin, links=[NOWHERE]))
    done = audit(store, NOW)
    assert done.counts[Reason.DEAD] == 1
    assert done.doubts[Reason.DEAD][0].given == (Given("1.md", 1), Given("2.md", 1))


def test_one_way_needs_links_of_the_targets_own(store: Store) -> None:
    save(
        store,
        document(story("a"), story("b"), story("mention"), story("dead-end")),
        document(story("b"), story("c")),
        document(story("c"), story("b")),
        document(story("dead-end"), links=[NOWHERE]),
    )
    assert told(audit(store, NOW)) == {("one-way", "a", "b"), ("dead", "dead-end", NOWHERE)}


def test_links_back_may_stand_in_any_document(store: Store) -> None:
    save(store, document(story("a"), story("b")), document(story("b"), story("a"), origin="1.md"))
    save(store, document(story("b"), story("c"), origin="2.md"))
    assert told(audit(store, NOW)) == set()


NAMES = "abcd"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.lists(st.sampled_from([*NAMES, "a2", "b2", "nowhere"]), unique=True, max_size=5),
        ),
        max_size=8,
    ),
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(NAMES)),
)
def test_every_link_is_judged_by_the_rules(
    store: Store, documents: list[tuple[str, list[str]]], removed: set[str], late: set[str]
) -> None:
    """The rules, said again the slow way: ``x2`` is another address of ``x``."""
    wipe(store)
    stories = {
        name: story(
            name,
            day=200 if name in late else 1,
            removed=name in removed,
            original_url=key(f"{name}2"),
        )
        for name in NAMES
    }
    save(store, *(document(one, origin=f"own of {name}") for name, one in stories.items()))
    for place, (name, links) in enumerate(documents):
        save(store, document(stories[name], origin=str(place), links=[key(each) for each in links]))
    links = {(name, target) for name, targets in documents for target in targets}
    pairs = {(name, target[0]) for name, target in links if target != "nowhere"}
    expected = set()
    for name, target in links:
        to = target[0]
        if target == "nowhere":
            expected.add(("dead", name, target))
        elif to == name:
            expected.add(("itself", name, target))
        elif {name, to} & removed or to in late:
            expected.add(("unpublished", name, target))
        else:
            if any(
                name == other and to in [each[0] for each in targets[: targets.index(target)] if each in ALL]
                for other, targets in documents
                if target in targets
            ):
                expected.add(("duplicate", name, target))
            if any(source == to for source, _ in pairs) and (to, name) not in pairs:
                expected.add(("one-way", name, target))
    done = audit(store, NOW)
    names = {id_of(store, name): name for name in NAMES}
    found = [
        (str(reason), names[one.source], one.key.rsplit("/", 1)[-1])
        for reason, doubts in done.doubts.items()
        for one in doubts
    ]
    assert sorted(found) == sorted(expected)
    status = store.status()
    assert (done.links, done.counts[Reason.DEAD]) == (status.links, status.dead_links)


ALL = {*NAMES, "a2", "b2"}


def test_a_document_that_tells_another_story_under_the_same_address_is_told_apart(store: Store) -> None:
    """The newest document is what is shown; the links of the older one stand beside it."""
    save(store, document(story("a", day=1), origin="old.md", links=[NOWHERE]))
    assert audit(store, NOW).doubts[Reason.DEAD][0].told_by is None
    save(store, document(story("a", day=2, title="Another"), origin="new.md"))
    (doubt,) = audit(store, NOW).doubts[Reason.DEAD]
    assert (doubt.given, doubt.told_by) == ((Given("old.md", 1),), "new.md")


# The model's view


def test_the_models_view_is_its_own_order_as_if_nobody_had_linked(store: Store) -> None:
    save(store, document(story("y")), document(story("a"), *map(story, "bcde")))
    save(store, *(document(story(name), story("x")) for name in "bcde"))
    publish(store, {"a": [("b", 0.9, 4), ("x", 0.8, 0), ("c", 0.7, 1), ("y", 0.2, 0), ("d", 0.1, 2)]})
    done = audit(store, NOW)
    views = {done.stories[one.target or 0].title[-1]: one.view for one in done.doubts[Reason.ONE_WAY]}
    assert views == {
        "b": View(5, 1, True, 0.9, 0),
        "c": View(5, 3, True, 0.7, 1),
        "d": View(5, 5, False, 0.1, 2),
        "e": View(5),
    }
    assert list(views) == ["b", "c", "d", "e"], "those that are most surely right come first"
    assert (done.generation, done.model) == (1, "m")


def test_a_link_newer_than_the_recompute_may_rank_later_than_the_last_too(store: Store) -> None:
    save(store, document(story("a"), story("b")), document(story("b"), story("x")))
    publish(store, {"a": [("x", 0.5, 0), ("b", 0.25, 0)]})
    (doubt,) = audit(store, NOW).doubts[Reason.ONE_WAY]
    assert doubt.view == View(2, 2, False, 0.25, 1)


def test_a_story_is_not_ranked_for_itself(store: Store) -> None:
    save(store, document(story("a", original_url=key("a2")), story("b"), links=[key("a2")]))
    publish(store, {"a": [("b", 0.5, 0)]})
    (doubt,) = audit(store, NOW).doubts[Reason.ITSELF]
    assert doubt.view is None


def test_a_story_without_a_list_has_no_view(store: Store) -> None:
    save(store, document(story("a"), story("b")), document(story("b"), story("c")))
    publish(store, {"b": [("c", 0.5, 1)]})
    (doubt,) = audit(store, NOW).doubts[Reason.ONE_WAY]
    assert doubt.view is None


def test_a_removed_target_has_no_view(store: Store) -> None:
    save(store, document(story("b", removed=True)), document(story("a"), story("b")), document(story("c")))
    publish(store, {"a": [("c", 0.5, 0)]})
    (doubt,) = audit(store, NOW).doubts[Reason.UNPUBLISHED]
    assert doubt.view is None


@pytest.mark.parametrize(
    ("score", "better", "wrong"),
    [
        (UNLIKELY - 0.001, BETTER, True),
        (UNLIKELY, BETTER, False),
        (UNLIKELY - 0.001, BETTER - 1, False),
        (0.9, BETTER, False),
    ],
)
def test_a_link_looks_wrong_if_it_is_unlikely_and_others_are_not(
    store: Store, score: float, better: int, wrong: bool
) -> None:
    others = [f"o{number}" for number in range(better)]
    save(store, document(story("a"), story("b")), *(document(story(name)) for name in others))
    publish(store, {"a": [*((name, 0.95, 0) for name in others), ("b", score, 1)]})
    done = audit(store, NOW)
    assert told(done) == ({("looks-wrong", "a", "b")} if wrong else set())


def test_stories_that_editors_linked_are_not_what_the_model_prefers(store: Store) -> None:
    others = [f"o{number}" for number in range(2 * BETTER)]
    save(store, document(story("a"), *map(story, others), story("b")))
    publish(store, {"a": [*((name, 0.9, place) for place, name in enumerate(others, 1)), ("b", 0.001, 99)]})
    assert told(audit(store, NOW)) == set()


def test_the_most_doubtful_come_first_and_a_limit_keeps_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.pipeline.auditing._CUT", 2)
    others = [f"o{number}" for number in range(BETTER)]
    names = [f"s{number}" for number in range(9)]
    scores = np.random.default_rng(0).permutation(9) / 1000
    save(store, *map(document, map(story, others)))
    save(store, *(document(story(name), story(f"to-{name}")) for name in names))
    lists = {
        name: [*((other, 0.5, 0) for other in others), (f"to-{name}", score, 1)]
        for name, score in zip(names, scores, strict=True)
    }
    publish(store, lists)
    done = audit(store, NOW, limit=3)
    assert done.counts[Reason.LOOKS_WRONG] == 9
    assert [one.view and one.view.score for one in done.doubts[Reason.LOOKS_WRONG]] == [0, 0.001, 0.002]
    assert len(done.stories) == 6, "no more is read than is told"


def test_an_audit_is_the_same_on_both_databases(store_url: str) -> None:
    with Store.open(store_url) as store:
        save(store, document(story("a"), story("b"), origin="a.md"), document(story("b"), story("c")))
        save(store, document(story("c"), links=[NOWHERE]))
        publish(store, {"a": [("c", 0.5, 0), ("b", 0.25, 1)], "b": [("c", 0.5, 1)]})
        done = audit(store, NOW)
    assert told(done) == {("one-way", "a", "b"), ("dead", "c", NOWHERE)}
    assert done.doubts[Reason.ONE_WAY][0].view == View(2, 2, False, 0.25, 1)


def test_only_the_reasons_asked_for_are_told_and_all_are_counted(store: Store) -> None:
    save(store, document(story("a"), links=[NOWHERE]), document(story("b", original_url=key("x"))))
    save(store, document(story("b", original_url=key("x")), links=[key("x")], origin="2"))
    done = audit(store, NOW, [Reason.DEAD])
    assert done.doubts.keys() == {Reason.DEAD}
    assert done.counts[Reason.ITSELF] == 1
    plain = orjson.loads(orjson.dumps(done.data()))
    assert plain["counts"] == {
        "dead": 1, "itself": 1, "unpublished": 0, "duplicate": 0, "looks-wrong": 0, "one-way": 0,
    }  # fmt: skip
    assert plain["doubts"] == [
        {
            "reason": "dead",
            "detail": "",
            "source": {
                "url": "https://www.news.example/a",
                "title": "Title of a",
                "publishedDateTime": "2020-01-02T00:00:00Z",
            },
            "target": None,
            "key": NOWHERE,
            "given": [{"origin": "a", "place": 1}],
            "told_by": None,
            "model": None,
        }
    ]


# The command

HOSTILE = "Red \u001b[31m [bold]alert[/bold]"


@pytest.fixture
def run(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run ``recommender audit`` on the store as a shell does; the exit code must be 0."""

    def command(*arguments: str) -> str:
        url = f"sqlite:///{tmp_path}/store.sqlite"
        monkeypatch.setattr("sys.argv", ["recommender", "--store", url, "audit", *arguments])
        monkeypatch.setattr("time.time", lambda: NOW)
        try:
            main()
        except SystemExit as end:
            assert end.code in (0, None)  # noqa: PT017
        return capsys.readouterr().out

    return command


def doubtful(store: Store, folder: Path) -> None:
    """Save a link of every reason, in the order in which reasons are told."""
    save(store, document(story("b", original_url=key("b2")), story("c")), document(story("c"), story("b")))
    links = [NOWHERE, key("a2"), key("late"), key("b"), key("b2")]
    save(
        store,
        document(story("late", day=200)),
        document(story("a", title=HOSTILE, original_url=key("a2")), origin=f"{folder}/in/a.md", links=links),
    )


def test_the_table_counts_first_and_then_tells_story_document_place_and_target(
    store: Store, run: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful(store, tmp_path)
    monkeypatch.chdir(tmp_path)
    shown = run()
    assert "7 curated links of 3 stories" in shown
    counts = [line.split()[:2] for line in shown.split("\n\n")[1].splitlines()[1:]]
    assert counts == [
        ["dead", "1"],
        ["itself", "1"],
        ["unpublished", "1"],
        ["duplicate", "1"],
        ["looks-wrong", "–"],
        ["one-way", "2"],
    ]
    assert NOWHERE in shown
    assert "Title of late  2020-07-19" in shown
    assert "the target is dated 2020-07-19T00:00:00Z" in shown
    assert "the same story as link 4" in shown
    assert "\nscore  rank  link  story" in shown
    assert re.search(r"^ *in/a\.md *$", shown, re.MULTILINE), "a document is named as it is opened from here"
    assert "Counted and not listed: one-way" in shown
    assert "recommender recompute" in shown


def test_one_reason_is_listed_alone(store: Store, run: Callable[..., str], tmp_path: Path) -> None:
    doubtful(store, tmp_path)
    shown = run("--reason", "one-way", "--limit", "1")
    assert "the first 1 of 2" in shown
    assert "https://www.news.example/b" in shown
    assert NOWHERE not in shown
    assert [one["reason"] for one in json.loads(run("--json", "--reason", "dead"))["doubts"]] == ["dead"]


def test_json_has_every_link(store: Store, run: Callable[..., str], tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(30)]
    save(store, document(story("b"), story("c")), *(document(story(name), story("b")) for name in names))
    publish(store, {"s7": [("b", 0.75, 1), ("c", 0.5, 0)]}, model="m7")
    told = json.loads(run("--json"))
    assert (told["model"], told["generation"], told["links"], told["stories"]) == ("m7", 1, 31, 31)
    assert told["counts"]["one-way"] == len(told["doubts"]) == 30
    first = told["doubts"][0]
    assert first["source"]["url"] == "https://www.news.example/s7"
    assert first["model"] == {"listed": 2, "rank": 1, "exact": True, "score": 0.75, "better": 0}
    assert len(json.loads(run("--json", "--limit", "5"))["doubts"]) == 5


def test_a_rank_that_may_be_later_and_a_target_outside_the_list_say_so(
    store: Store, run: Callable[..., str]
) -> None:
    save(store, document(story("a"), story("b"), story("c")), document(story("b"), story("x")))
    save(store, document(story("c"), story("x")))
    publish(store, {"a": [("x", 0.5, 0), ("b", 0.25, 1)]})
    shown = run("--reason", "one-way")
    assert re.search(r"^0\.250 +2\+ +1 +→ Title of b", shown, re.MULTILINE)
    assert re.search(r"^ +– +not in 2 +2 +→ Title of c", shown, re.MULTILINE)
    assert "model m, generation 1" in shown


def test_a_headline_drives_no_terminal(store: Store, run: Callable[..., str], tmp_path: Path) -> None:
    doubtful(store, tmp_path)
    save(
        store, document(story("d"), origin="\u001b[2J[red]d.md[/red]", links=["story:\u001b[2J[red]x[/red]"])
    )
    shown = run()
    assert "\u001b" not in shown
    assert "[bold]alert[/bold]" in shown
    assert "[red]d.md[/red]" in shown
    assert "[red]x[/red]" in shown, "markup is text"


def test_an_older_document_is_said_to_be_hidden_by_a_newer(store: Store, run: Callable[..., str]) -> None:
    save(store, document(story("a", day=1), origin="old.md", links=[NOWHERE]))
    save(store, document(story("a", day=2, title="Another"), origin="new.md"))
    assert "shown as another document tells it: new.md" in run()


def test_help_and_meanings_say_what_is_done(run: Callable[..., str]) -> None:
    assert list(MEANINGS) == list(Reason)
    rule = f"scores it below {UNLIKELY}, after {BETTER} stories or more"
    assert rule in MEANINGS[Reason.LOOKS_WRONG]
    said = " ".join(run("--help").split())
    assert rule in said
    assert all(f"{reason}:" in said for reason in Reason)


def test_an_empty_store_has_nothing_to_tell(run: Callable[..., str]) -> None:
    assert "0 curated links of 0 stories" in run()
