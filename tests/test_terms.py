"""Shared terms without scikit-learn: the same terms and the same weights as with it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer, HashingVectorizer
from test_text import STORIES, TEXT

from recommender.checksums import SIZE, stamped
from recommender.terms import COLUMNS, Rarity, Shared, Text, Vocabulary, hashed, murmur, paired, shared
from recommender.text import TextSpace

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | TEXT
HOSTILE = '</script><img src=x onerror=alert(1)> \x1b[31m {{7*7}} \u202eevil\u2028 %s"; DROP TABLE links; --'


def read(title: str, excerpt: str = "") -> Text:
    return Text.of(title, excerpt, ENGLISH_STOP_WORDS)


def even(*known: str) -> Rarity:
    """A rarity in which every term weighs 2, the unknown 3."""
    hashes = np.array(sorted(map(hashed, known)), np.int32)
    return Rarity(hashes, np.full(len(hashes), 2, np.float32), 3.0)


def names(left: Text, right: Text, rarity: Rarity | None = None, most: int = 8) -> list[str]:
    return [one.term for one in shared(left, right, rarity or even(), most)]


# The same analysis and the same numbers as scikit-learn


@given(ANY_TEXT, ANY_TEXT)
def test_terms_are_those_of_scikit_learn(title: str, excerpt: str) -> None:
    analyse = CountVectorizer(ngram_range=(1, 2), stop_words="english").build_analyzer()
    text = read(title, excerpt)
    assert set(text.places) == {*analyse(title), *analyse(excerpt)}
    for term, places in text.places.items():
        assert len(places) == analyse(title).count(term) + analyse(excerpt).count(term)
        assert places == sorted(places)
        in_title, in_excerpt = term in analyse(title), term in analyse(excerpt)
        assert text.fields(term) == ["title"] * in_title + ["excerpt"] * in_excerpt


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=1))
def test_numbers_are_those_of_scikit_learn(terms: list[str]) -> None:
    hasher = HashingVectorizer(
        n_features=COLUMNS, alternate_sign=False, norm=None, analyzer=lambda term: [term]
    )
    assert [murmur(term) for term in terms] == hasher.transform(terms).indices.tolist()
    for term in terms:
        assert hashed(term) == murmur(term) or " " in term


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda word: " " not in word),
    st.integers(0, COLUMNS - 1),
)
def test_a_pair_of_words_is_known_by_the_hashes_of_the_two(word: str, other: int) -> None:
    assert hashed(f"{word} rain") == paired(murmur(word), murmur("rain"))
    # MurmurHash3's last steps, with numbers cut to 32 bits as there.
    state = np.array([(murmur(word) * 0x9E3779B1 + other) % 2**32], np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = (state ^ state >> np.uint32(shift)) * np.uint32(factor)
    assert paired(murmur(word), other) == int((state ^ state >> np.uint32(16))[0]) % COLUMNS


@given(STORIES)
def test_weights_are_the_idf_of_the_space(stories: list[tuple[str, str]]) -> None:
    space = TextSpace()
    titles, excerpts = zip(*stories, strict=True)
    space.fit(titles, excerpts)
    texts = [read(*story) for story in stories]
    frequency: dict[str, int] = {}
    for text in texts:
        for term in text.places:
            frequency[term] = frequency.get(term, 0) + 1
    terms = [*frequency, "elsewhere"]
    expected = [np.log((1 + len(stories)) / (1 + frequency.get(term, 1))) + 1 for term in terms]
    assert space.words_.of(terms) == pytest.approx(expected, rel=1e-6)
    assert space.words_.of([]) == []


def test_nothing_of_scikit_learn_is_loaded() -> None:
    """A worker that answers has no use for its 80 MB."""
    program = (
        "import sys; from recommender import service, terms; from recommender.service import explaining; "
        "terms.Text.of('a task force', '', ()); print(sorted({'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# What two texts share


def test_a_pair_stands_for_its_words() -> None:
    left, right = read("The task force meets"), read("A force for each task? No: task force!")
    assert names(read("The task force meets"), read("No task force for now")) == ["task force"]
    # In the second text each word stands elsewhere too, in the first it does not.
    assert names(left, right) == ["task force"]
    # Elsewhere in both: that is a second thing in common.
    assert names(read("task force, task"), read("task: the task force")) == ["task force", "task"]


def test_overlapping_pairs_are_told_once() -> None:
    title = "white house coronavirus task force"
    told = names(read(title), read(title))
    assert told == ["white house", "house coronavirus", "coronavirus task", "task force"]
    heavy = even(*(f"{a} {b}" for a, b in zip(title.split(), title.split()[1:], strict=False)))
    # All words of "house coronavirus" belong to others: those that weigh more come first.
    rarity = Rarity(heavy.hashes, heavy.idf.copy(), 1.0)
    for term, weight in (("white house", 9), ("coronavirus task", 8), ("task force", 7)):
        rarity.idf[np.searchsorted(rarity.hashes, hashed(term))] = weight
    assert names(read(title), read(title), rarity) == ["white house", "coronavirus task", "task force"]


def test_where_a_term_stands_and_what_it_weighs() -> None:
    left = read("Ferries run late", "The ferries are full. Harbour bridge.")
    right = read("Harbour closed", "Ferries")
    assert shared(left, right, even("ferries"), 8) == [
        Shared("harbour", 3.0, ["excerpt"], ["title"]),
        Shared("ferries", 2.0, ["title", "excerpt"], ["excerpt"]),
    ]
    assert names(left, right, even("ferries"), 1) == ["harbour"]
    assert names(left, read("of the a I")) == []


def test_no_pair_spans_title_and_excerpt() -> None:
    assert names(read("task", "force"), read("task force")) == ["task", "force"]


def test_hostile_text_leaves_only_words() -> None:
    told = names(read(HOSTILE), read(HOSTILE), most=50)
    assert "drop table" in told
    assert all(term.replace(" ", "").isalnum() for term in told)
    long = "wolf " * 4_000
    assert names(read(long), read(long)) == ["wolf wolf"]


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_terms_are_of_both_rarest_first_and_each_adds_a_word(a: str, b: str, c: str, d: str) -> None:
    left, right = read(a, b), read(c, d)
    told = shared(left, right, even("rain", "flood", "rain flood"), 8)
    assert [one.weight for one in told] == sorted((one.weight for one in told), reverse=True)
    assert len({one.term for one in told}) == len(told) <= 8
    before: set[int] = set()
    for one in told:
        assert one.term in left.places
        assert one.term in right.places
        assert not left.covered(one.term) <= before
        before |= left.covered(one.term)
    assert bool(told) == bool(left.places.keys() & right.places.keys())


# The text space as bytes


@given(STORIES, st.sampled_from([0.0, 0.25, 0.6, 1.0]))
def test_a_space_comes_back_as_it_was(stories: list[tuple[str, str]], weight: float) -> None:
    titles, excerpts = zip(*stories, strict=True)
    space = TextSpace(weight).fit(titles, excerpts)
    packed = space.vocabulary().to_bytes()
    vocabulary = Vocabulary.from_bytes(packed)
    assert vocabulary.to_bytes() == packed
    assert vocabulary.words.hashes.flags.aligned
    assert vocabulary.words.idf.flags.aligned
    again = TextSpace.of(vocabulary)
    first, second = space.transform(titles, excerpts), again.transform(titles, excerpts)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_stop_words_make_another_space() -> None:
    vocabulary = TextSpace().fit(["rain"] * 2, [""] * 2).vocabulary()
    other = Vocabulary(0.6, vocabulary.stop_words | {"rain"}, vocabulary.words, vocabulary.trigrams)
    with pytest.raises(ValueError, match="stop words"):
        TextSpace.of(Vocabulary.from_bytes(other.to_bytes()))


PACKED = TextSpace().fit(["rain flood"] * 2 + ["river"] * 2, [""] * 4).vocabulary().to_bytes()
HEAD = PACKED[8 : PACKED.index(b"\n", 8)]
ARRAYS = PACKED[8 + len(HEAD) + 1 : -SIZE]
BODY = PACKED[:-SIZE]


def with_head(**changes: object) -> bytes:
    head = orjson.loads(HEAD)
    return stamped(b"terms 2\n" + orjson.dumps(head | changes) + b"\n" + ARRAYS)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"terms 2\n",
        b"terms 1" + PACKED[7:],
        PACKED[:-1],
        PACKED + b"\0",
        PACKED[:40],
        stamped(b"terms 2\n[]\n" + ARRAYS),
        stamped(b"terms 2\nnull\n" + ARRAYS),
        with_head(words=None),
        with_head(words={"terms": -4, "unseen": 1.0}),
        with_head(words={"terms": 2**62, "unseen": 1.0}),
        with_head(words={"terms": 4, "unseen": None}),
        with_head(words={"terms": 5, "unseen": 1.0}),
        with_head(title_weight="x"),
        with_head(stop_words=7),
        stamped(BODY[:-4]),
        stamped(BODY.replace(ARRAYS[:8], ARRAYS[4:8] + ARRAYS[:4])),  # terms out of order
        stamped(BODY.replace(ARRAYS[:4], b"\xff\xff\xff\xff")),
        stamped(BODY.replace(ARRAYS[16:20], np.float32(np.nan).tobytes())),
    ],
)
def test_what_is_no_vocabulary_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="a vocabulary"):
        Vocabulary.from_bytes(packed)


@given(st.integers(0, 8 * len(PACKED) - 1))
def test_a_flipped_bit_is_seen(bit: int) -> None:
    broken = bytearray(PACKED)
    broken[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="a vocabulary"):
        Vocabulary.from_bytes(bytes(broken))


def test_the_bytes_taken_apart_above_are_put_together_right() -> None:
    assert Vocabulary.from_bytes(with_head()).words.hashes.tolist() == sorted(
        map(hashed, ["rain", "flood", "rain flood", "river"])
    )
