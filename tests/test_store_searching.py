"""Stories found by words, newest first: the same ones in SQLite and in PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from stories import document, key, packed, save, story
from test_store_opening import downgrade

from recommender.store import Store
from recommender.store.searching import ID_BITS, LONGEST, MOST, place, words

NOW = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())


def found(store: Store, told: str, limit: int = 50, now: int = NOW) -> list[str]:
    return [hit.url.rsplit("/", 1)[-1] for hit in store.search(told, limit, now)]


@pytest.fixture
def archive(store: Store) -> Store:
    """A store of a few stories, saved in no order."""
    save(
        store,
        document(story("bridge", day=2, title="Old Bridge reopens", excerpt="A brass band in Zürich.")),
        document(story("ferry", day=3, title="FERRIES run late", excerpt="The bridge is closed, again")),
        document(story("undated", day=None, title="Bridges of the world")),
        document(story("nordic", day=1, title="Straße nach Łódź", excerpt="Œuvre · ﬁne №7 · x_y2")),
        document(story("hindi", day=1, title="हिन्दी समाचार", excerpt="東京 タワー Київ")),
    )
    return store


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("bridge", ["ferry", "bridge", "undated"]),
        ("BRIDGE", ["ferry", "bridge", "undated"]),
        ("b", ["ferry", "bridge", "undated"]),
        ("br", ["ferry", "bridge", "undated"]),
        ("bri", ["ferry", "bridge", "undated"]),
        ("bridges", ["undated"]),
        ("brass bridge", ["bridge"]),
        ("bri bra", ["bridge"]),
        ("bridge bridge BRIDGE bri", ["ferry", "bridge", "undated"]),
        ("bridge nowhere", []),
        ("ridge", []),
        ("zurich", ["bridge"]),
        ("zür", ["bridge"]),
        ("zu\u0308rich", ["bridge"]),
        ("ＺÜＲＩＣＨ", ["bridge"]),
        ("strasse", ["nordic"]),
        ("łod", ["nordic"]),
        ("fine", ["nordic"]),
        ("x_y", ["nordic"]),
        ("y2", []),
        ("हिन्दी", ["hindi"]),
        ("タワ", ["hindi"]),
        ("Київ", ["hindi"]),
        ("re-opens", []),
        ("late, closed!", ["ferry"]),
    ],
)
def test_a_story_has_every_word_whole_or_as_a_beginning(archive: Store, told: str, names: list[str]) -> None:
    assert found(archive, told) == names


@pytest.mark.parametrize(
    "told",
    ['"bridge', 'bridge"', "bridge*", "**bridge", "^bridge", "bridge:", ":bridge", "+bridge", "-bridge",
     "(bridge", "{}:bridge", "!bridge & | !", "bridge:*", "'bridge'", "bridge\\", "bridge;--", "%bridge?",
     "<-> bridge <>", "bri\0", "\0bridge", "\ud800bridge", "bridge\u202e"],
)  # fmt: skip
def test_signs_have_no_meaning(archive: Store, told: str) -> None:
    assert found(archive, told) == ["ferry", "bridge", "undated"]


@pytest.mark.parametrize(
    "told",
    [
        "bridge NOT late",
        "bridge OR brass",
        "NEAR(bridge brass)",
        "bridge AND band",
        "words:bridge",
        "rowid:1",
    ],
)
def test_words_of_query_languages_are_words(archive: Store, told: str) -> None:
    assert found(archive, told) == []


@pytest.mark.parametrize("told", ["", " ", "…", "!!! ---", "\0", "\u0301", '"*"'])
def test_without_words_nothing_is_found(archive: Store, told: str) -> None:
    assert found(archive, told) == []


def test_many_words_are_no_error(archive: Store) -> None:
    many = " ".join(
        f"{first}{second}" for first in "abcdefghijklmnopqrstuvwxyz" for second in "0123456789abcdefghi"
    )
    assert found(archive, many) == []
    assert found(archive, "bridge " * 500) == found(archive, "bridge")
    assert found(archive, " ".join("bridge"[:n] for n in range(1, 7))) == found(archive, "bridge")


def test_a_limit_keeps_the_newest(archive: Store) -> None:
    assert [found(archive, "b", limit) for limit in (1, 2, 3)] == [
        ["ferry"],
        ["ferry", "bridge"],
        ["ferry", "bridge", "undated"],
    ]


def test_what_is_found_is_what_an_answer_shows(archive: Store) -> None:
    (hit,) = archive.search("brass", 10, NOW)
    story = archive.find(key("bridge"))
    assert story is not None
    assert (hit.url, hit.card) == (story.url, story.card)


def test_stories_of_one_second_are_in_the_order_of_their_ids(store: Store) -> None:
    save(store, *(document(story(name, title="same")) for name in "cab"))
    assert found(store, "same") == ["b", "a", "c"]


def test_stories_of_every_time_are_in_order(store: Store) -> None:
    years = {"first": 1, "roman": 476, "press": 1702, "moon": 1969, "now": 2023, "later": 2400, "last": 9999}
    for name in ("moon", "last", "press", "now", "roman", "later", "first"):
        save(
            store, document(story(name, title="same", published_at=datetime(years[name], 7, 20, tzinfo=UTC)))
        )
    save(store, document(story("undated", title="same", day=None)))
    in_order = found(store, "same")
    assert in_order[:3] == ["now", "moon", "press"]
    assert set(in_order[3:5]) == {"roman", "first"}  # beyond the times that are told apart
    assert in_order[5:] == ["undated"]


def test_a_story_of_the_future_waits_for_its_time(store: Store) -> None:
    save(store, document(story("a", published_at=datetime.fromtimestamp(NOW, UTC))))
    assert found(store, "title", now=NOW - 1) == []
    assert found(store, "title", now=NOW) == ["a"]


def test_a_story_is_found_by_what_it_says_now(store: Store) -> None:
    save(
        store, document(story("a", title="Ferries late", excerpt="stays")), document(story("b", title="Late"))
    )
    save(store, document(story("a", day=5, title="Ferries cancelled", excerpt="stays")))
    assert [found(store, told) for told in ("ferries", "cancelled", "late", "stays")] == [
        ["a"],
        ["a"],
        ["b"],
        ["a"],
    ]
    save(store, document(story("a", day=None, title="Ferries")))
    save(store, document(story("b", title="Ferries")))
    assert found(store, "ferries") == ["b", "a"]
    assert found(store, "stays") == []


def test_a_story_told_twice_in_a_batch_is_found_once(store: Store) -> None:
    save(
        store,
        document(story("a", day=1, title="first words"), origin="one"),
        document(story("a", day=2, title="other words"), origin="two"),
        document(story("b"), story("a", day=9, title="mentioned words")),
    )
    assert found(store, "words") == ["a"]
    assert found(store, "other") == ["a"]


def test_removed_stories_are_not_found_until_they_come_back(store: Store) -> None:
    save(store, document(story("a")), document(story("b", removed=True)))
    assert found(store, "title") == ["a"]
    assert store.remove(key("a"))
    assert found(store, "title") == []
    save(
        store, document(story("a", title="Back again"), origin=f"api:{key('a')}"), document(story("b", day=3))
    )
    assert found(store, "back") == ["a"]
    assert found(store, "title") == ["b"]


def test_a_batch_that_fails_leaves_no_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power")

    monkeypatch.setattr("recommender.store.importing._save_links", fail)
    with pytest.raises(RuntimeError, match="power"):
        save(store, document(story("a")))
    assert found(store, "title") == []


def test_words_without_end(store: Store) -> None:
    long = "x" * (LONGEST + 100)
    many = " ".join(f"w{number}" for number in range(MOST + 5))
    save(store, document(story("a", title=long, excerpt=many)), document(story("b", excerpt="𝔘" * 3_000)))
    assert found(store, long) == found(store, long[:-1]) == found(store, long + "y") == ["a"]
    assert found(store, f"w{MOST - 2}") == ["a"]  # the title is a word, too
    assert found(store, f"w{MOST - 1}") == []
    assert found(store, "uuu") == ["b"]


def test_stories_of_an_older_program_are_found(store_url: str) -> None:
    """Until revision 0009 there was no index."""
    with Store.open(store_url) as store:
        save(store, *(document(story(name, day=day)) for name, day in (("a", 1), ("b", None), ("c", 3))))
        save(store, document(story("gone", removed=True)))
        a = store.corpus().ids[0].item()
        store.publish("m1", [(a, packed())])
        downgrade(store, "0008")
    with Store.open(store_url) as store:
        assert found(store, "title of") == ["c", "a", "b"]
        save(store, document(story("a", day=4, title="Title anew")), document(story("d", day=2)))
        assert found(store, "title") == ["a", "c", "d", "b"]
        assert found(store, "title of") == ["c", "d", "b"]


def test_every_story_that_is_not_removed_has_a_row_and_no_other_has(archive: Store) -> None:
    for name in ("bridge", "ferry", "bridge"):
        archive.remove(key(name))
        save(archive, document(story(name, day=7), origin=f"api:{key(name)}"))
    archive.remove(key("ferry"))
    number = "rowid" if archive.immediate else "place"
    with archive._database.snapshot() as connection:
        rows = set(connection.execute(text(f"SELECT {number} FROM searched")).scalars())
        stories = connection.execute(text("SELECT published_at, id FROM articles WHERE NOT removed")).all()
    assert rows == {place(published, article) for published, article in stories}
    assert len(rows) == 4


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_the_index_is_sound(archive: Store) -> None:
    save(archive, document(story("bridge", day=9, title="New")))
    archive.remove(key("ferry"))
    with archive._writer.transaction("test") as connection:
        connection.exec_driver_sql("INSERT INTO searched (searched) VALUES ('integrity-check')")


@given(st.text(max_size=80))
def test_words_of_words_are_the_same(told: str) -> None:
    once = words(told)
    assert words(" ".join(once)) == once
    assert all(word.replace("_", "a").isalnum() for word in once)


def cased(character: str) -> bool:
    """Tell all characters but those with an iota below: it is an accent, and in capitals a letter."""
    return "\u0345" not in unicodedata.normalize("NFKD", character)


@given(st.text(st.characters(codec="utf-8").filter(cased), max_size=40), st.text(max_size=10))
def test_case_makes_no_other_word(told: str, more: str) -> None:
    assert words(told.casefold()) == words(told)
    assert words(f"{told} {more}")[: len(words(told))] == words(told)


@given(
    st.one_of(st.none(), st.integers(-(2**33) + 1, 2**33 - 1)),
    st.one_of(st.none(), st.integers(-(2**33) + 1, 2**33 - 1)),
    st.integers(1, 2**ID_BITS - 1),
    st.integers(1, 2**ID_BITS - 1),
)
def test_places_are_in_the_order_of_times(
    one: int | None, other: int | None, first: int, second: int
) -> None:
    def order(published: int | None, article: int) -> tuple[bool, int, int]:
        return published is not None, published or 0, article

    assert (place(one, first) < place(other, second)) == (order(one, first) < order(other, second))
    assert place(one, first) % 2**ID_BITS == first
    assert -(2**63) <= place(one, first) < 2**63


def test_who_searches_needs_no_numpy() -> None:
    program = "import recommender.store.searching, sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
