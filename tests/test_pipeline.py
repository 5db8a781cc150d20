"""The verbs, end to end on the sample newsroom and on small made-up folders."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender import default, models
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.engine import local, processes
from recommender.errors import NothingToLearn, StoreLocked, UnsoundEvaluation, UsageError
from recommender.evaluation import BASELINES, cold
from recommender.features import features
from recommender.index import prepare
from recommender.neighbours import OWN
from recommender.pipeline import importing
from recommender.pipeline.evaluating import ask, judge
from recommender.pipeline.exporting import export
from recommender.pipeline.importing import import_paths
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.training import train
from recommender.store import Store
from recommender.urls import canonical

SEEDS = Path(__file__).parents[1] / "seeds"
SEED = "https://www.mic.com/p/amazon-is-banning-cops-from-using-its-facial-recognition-tech-for-one-year-22976063"


def write(folder: Path, name: str, title: str, *related: str, day: int = 1) -> Path:
    entries = "".join(f"  - webUrl: https://news.example/{slug}\n    title: {slug}\n" for slug in related)
    path = folder / f"{name}.md"
    path.write_text(
        f"---\ntitle: {title}\nwebUrl: https://news.example/{name}\n"
        f"publishedDateTime: 2024-03-{day:02d}T08:00:00Z\nrelated:\n{entries}---\n"
    )
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    with Store.open(f"sqlite:///{tmp_path}/news.sqlite") as store:
        yield store


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Path]:
    """The sample newsroom, imported, trained and recomputed once."""
    folder = tmp_path_factory.mktemp("newsroom")
    with Store.open(f"sqlite:///{folder}/news.sqlite") as store:
        import_paths(store, [SEEDS])
        train(store, folder / "models")
        recompute(store, folder / "models")
        yield store, folder


def listed(store: Store, url: str) -> np.ndarray:
    found = store.find(canonical(url))
    assert found is not None
    assert found.packed is not None
    return np.frombuffer(found.packed, NEIGHBOUR_DTYPE)


class TestImport:
    def test_reads_every_seed(self, empty: Store) -> None:
        report = import_paths(empty, [SEEDS])
        assert report.files == len([p for p in SEEDS.iterdir() if p.name != "README.md"])
        assert report.rejections == []
        assert report.saved.new == empty.status().stories >= 170
        assert empty.status().dead_links == 0

    def test_is_idempotent(self, empty: Store) -> None:
        import_paths(empty, [SEEDS])
        before = empty.status()
        again = import_paths(empty, [SEEDS])
        assert again.unchanged == again.files
        assert again.saved == importing.Saved()
        assert empty.status() == before

    def test_touches_only_what_changed(self, empty: Store, tmp_path: Path) -> None:
        write(tmp_path, "one", "First")
        two = write(tmp_path, "two", "Second", "one")
        import_paths(empty, [tmp_path])
        write(tmp_path, "two", "Second, corrected")
        assert two.exists()
        report = import_paths(empty, [tmp_path])
        assert (report.unchanged, report.saved.changed, report.saved.links_removed) == (1, 1, 1)
        assert (
            json.loads(empty.find(canonical("https://news.example/two")).card)["title"] == "Second, corrected"
        )

    def test_a_bad_file_is_named_and_stops_nothing(self, empty: Store, tmp_path: Path) -> None:
        write(tmp_path, "good", "Good")
        bad = tmp_path / "bad.md"
        bad.write_text("---\ntitle: [\n---\n")
        report = import_paths(empty, [tmp_path])
        assert [(r.path, r.line is not None) for r in report.rejections] == [(bad.as_posix(), True)]
        assert report.saved.new == 1
        assert import_paths(empty, [tmp_path]).rejections == report.rejections, "told again while it is bad"

    def test_a_line_taken_from_a_file_takes_its_links_back(self, empty: Store, tmp_path: Path) -> None:
        def line(slug: str, *related: str) -> str:
            entries = [{"webUrl": f"https://news.example/{other}", "title": other} for other in related]
            return json.dumps({"title": slug, "webUrl": f"https://news.example/{slug}", "related": entries})

        file = tmp_path / "stories.jsonl"
        file.write_text("\n".join([line("one", "two"), line("two", "one"), line("three", "two")]))
        import_paths(empty, [file])
        assert empty.status().links == 3
        file.write_text("\n".join([line("one", "two"), line("two", "one")]) + "\n")
        import_paths(empty, [file])
        assert empty.status().links == 2

    def test_all_cores_find_the_same(
        self, empty: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importing, "FEW", 0)
        monkeypatch.setattr(importing, "BLOCK", 40)
        report = import_paths(empty, [SEEDS])
        with Store.open(f"sqlite:///{tmp_path}/other.sqlite") as other:
            monkeypatch.setattr(importing, "FEW", 10_000)
            assert import_paths(other, [SEEDS]).saved.links_added == report.saved.links_added
            mine, theirs = empty.corpus(), other.corpus()
        assert sorted(mine.urls) == sorted(theirs.urls)
        assert sorted(map(tuple, np.array(mine.urls)[mine.links])) == sorted(
            map(tuple, np.array(theirs.urls)[theirs.links])
        )

    def test_a_file_that_is_gone_takes_its_links_back_and_leaves_its_stories(
        self, empty: Store, tmp_path: Path
    ) -> None:
        write(tmp_path, "one", "First")
        two = write(tmp_path, "two", "Second", "one")
        import_paths(empty, [tmp_path])
        two.rename(tmp_path / "moved.md")
        report = import_paths(empty, [tmp_path])
        assert (report.saved.links_removed, report.saved.links_added) == (1, 1)
        (tmp_path / "moved.md").unlink()
        import_paths(empty, [tmp_path])
        assert (empty.status().links, empty.status().stories) == (0, 2)

    def test_importing_one_folder_forgets_nothing_of_another(self, empty: Store, tmp_path: Path) -> None:
        here, there = tmp_path / "here", tmp_path / "there"
        here.mkdir()
        there.mkdir()
        write(here, "one", "First", "two")
        write(there, "two", "Second")
        import_paths(empty, [here, there])
        shutil.rmtree(here)
        import_paths(empty, [there])
        assert empty.status().links == 1

    def test_a_bad_edit_does_not_lose_the_links_that_were_there(self, empty: Store, tmp_path: Path) -> None:
        write(tmp_path, "one", "First", "two")
        import_paths(empty, [tmp_path])
        (tmp_path / "one.md").write_text("---\ntitle: [\n---\n")
        assert import_paths(empty, [tmp_path]).rejections
        assert empty.status().links == 1

    def test_a_path_that_is_not_there(self, empty: Store, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="nowhere"):
            import_paths(empty, [tmp_path / "nowhere"])

    def test_a_second_writer_is_told_who_writes(self, empty: Store) -> None:
        with (
            Store.open(f"sqlite:///{empty.name.removeprefix('sqlite:///')}") as other,
            other.writing("a test"),
            pytest.raises(StoreLocked, match="a test"),
        ):
            import_paths(empty, [SEEDS])

    def test_coronavirus_has_one_rejection(self, empty: Store, corpora: Path) -> None:
        report = import_paths(empty, [corpora / "coronavirus"])
        assert report.files == 4886
        assert len(report.rejections) == 1
        assert "sweden" in report.rejections[0].path
        assert report.rejections[0].line == 4


class TestTrainAndRecompute:
    def test_the_seeds_four_links_are_kept_in_the_editors_order(self, newsroom: tuple[Store, Path]) -> None:
        neighbours = listed(newsroom[0], SEED)
        curated = neighbours[neighbours["curated"] > 0]
        assert sorted(curated["curated"]) == [1, 2, 3, 4]
        cards = newsroom[0].cards(curated["article"].tolist())
        first = curated["article"][curated["curated"] == 1][0]
        assert json.loads(cards[first].card)["title"].startswith("Congressman slams")

    def test_lists_are_full_sorted_and_without_the_story(self, newsroom: tuple[Store, Path]) -> None:
        store, _ = newsroom
        with store.exported() as (urls, lists):
            packed = dict(lists)
        assert packed.keys() == urls.keys()
        for story, bytes_ in packed.items():
            neighbours = np.frombuffer(bytes_, NEIGHBOUR_DTYPE)
            assert 40 <= len(neighbours) <= 50
            assert story not in neighbours["article"]
            assert len(set(neighbours["article"].tolist())) == len(neighbours)
            assert (np.diff(neighbours["score"]) <= 0).all()
            assert ((neighbours["score"] >= 0) & (neighbours["score"] <= 1)).all()

    def test_curated_links_count_both_ways(self, newsroom: tuple[Store, Path]) -> None:
        store, _ = newsroom
        corpus = store.corpus()
        source, target = corpus.links[0]
        back = listed(store, corpus.urls[target])
        assert back["curated"][back["article"] == corpus.ids[source]] > 0

    def test_the_model_says_what_it_learned_from(self, newsroom: tuple[Store, Path]) -> None:
        store, folder = newsroom
        model = models.load(folder / "models", models.active(folder / "models"))
        corpus = store.corpus()
        assert model.manifest["data"]["fingerprint"] == models.fingerprint(corpus)
        assert model.manifest["data"]["links"] == len(corpus.links)
        assert set(model.manifest["report"]["systems"]) == {
            "recommender",
            "tfidf",
            "tfidf-decay",
            "trigram-decay",
            "default",
        }
        assert store.generation().model == model.id
        assert [record.id for record in store.models()] == [model.id]

    def test_training_twice_gives_the_same_trees(self, newsroom: tuple[Store, Path], tmp_path: Path) -> None:
        store, folder = newsroom
        again = train(store, tmp_path / "models", activate=False)
        first = models.load(folder / "models", models.active(folder / "models"))
        assert again.model.manifest["files"] == first.manifest["files"]
        assert again.model.manifest["ranker"] == first.manifest["ranker"]
        assert models.active(tmp_path / "models") is None

    def test_a_model_is_kept_though_another_writes(
        self, newsroom: tuple[Store, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, _ = newsroom
        monkeypatch.setattr("recommender.store.locking.TURN", 0.0)
        with Store.open(store.name) as other, other._writer.transaction("a test"), pytest.raises(StoreLocked):
            train(store, tmp_path / "models")
        kept = models.active(tmp_path / "models")
        assert kept is not None
        assert models.load(tmp_path / "models", kept).id == kept

    def test_engines_give_the_same_bytes(self, newsroom: tuple[Store, Path]) -> None:
        store, folder = newsroom
        answers = []
        for engine in (local, processes):
            recompute(store, folder / "models", engine=engine)
            with store.exported() as (_, lists):
                answers.append(dict(lists))
        assert answers[0] == answers[1]

    def test_without_a_model_the_default_ranker_ranks_and_says_so(self, empty: Store, tmp_path: Path) -> None:
        write(tmp_path, "one", "Harbour bridge closes for repairs", day=1)
        write(tmp_path, "two", "Harbour bridge to stay closed", day=2)
        write(tmp_path, "three", "Pie contest won by a baker", day=2)
        import_paths(empty, [tmp_path])
        with pytest.raises(NothingToLearn, match=r"^0 curated links; 100 are needed .* default ranker"):
            train(empty, tmp_path / "models")
        done = recompute(empty, tmp_path / "models")
        assert done.model == empty.generation().model == "default"
        neighbours = listed(empty, "https://news.example/one")
        nearest = int(neighbours["article"][0])
        assert json.loads(empty.cards([nearest])[nearest].card)["title"] == "Harbour bridge to stay closed"
        # Its scores are the default ranker's.
        corpus = empty.corpus()
        index = prepare(corpus)[1]
        pairs = index.pairs(np.flatnonzero([url.endswith("/one") for url in corpus.urls]))
        right = default.ranker().score(features(index, pairs))
        assert sorted(neighbours["score"]) == pytest.approx(sorted(right))

    @pytest.mark.parametrize("stories", [0, 1])
    def test_next_to_nothing_is_no_error(self, empty: Store, tmp_path: Path, stories: int) -> None:
        for number in range(stories):
            write(tmp_path, f"story-{number}", "The only one")
        import_paths(empty, [tmp_path])
        assert recompute(empty, tmp_path / "models").stories == stories

    def test_stories_that_are_all_the_same(self, empty: Store, tmp_path: Path) -> None:
        for number in range(70):
            write(tmp_path, f"story-{number}", "Word for word the same")
        import_paths(empty, [tmp_path])
        recompute(empty, tmp_path / "models", k=10)
        neighbours = listed(empty, "https://news.example/story-3")
        assert len(neighbours) == 10
        assert empty.find(canonical("https://news.example/story-3")).id not in neighbours["article"]

    def test_lists_tell_copies(self, empty: Store, tmp_path: Path) -> None:
        text = " ".join(f"word{number}" for number in range(30))
        stories = {
            "one": ("The harbour bridge closes for repairs", f"Early {text}"),
            "two": ("The harbour bridge closes for repairs", f"Late {text}"),
            "three": ("Ferries at the harbour bridge run late", "Another text about the bridge"),
            "four": ("Divers have looked at the harbour bridge", "The bridge again, and another text"),
        }
        for slug, (title, excerpt) in stories.items():
            write(tmp_path, slug, f"{title}\nexcerpt: {excerpt}")
        import_paths(empty, [tmp_path])
        recompute(empty, tmp_path / "models")
        number = {slug: empty.find(canonical(f"https://news.example/{slug}")).id for slug in stories}
        groups = {
            slug: {
                int(one["article"]): int(one["group"])
                for one in listed(empty, f"https://news.example/{slug}")
            }
            for slug in stories
        }
        one, two, three, four = number.values()
        assert groups["one"] == {two: OWN, three: 0, four: 0}
        assert groups["two"] == {one: OWN, three: 0, four: 0}
        assert groups["three"][four] == 0
        assert groups["three"][one] == groups["three"][two] > 0

    def test_a_removed_story_is_nobodys_neighbour(self, tmp_path: Path) -> None:
        folder = tmp_path / "seeds"
        shutil.copytree(SEEDS, folder)
        with Store.open(f"sqlite:///{tmp_path}/news.sqlite") as store:
            import_paths(store, [folder])
            gone = store.find(canonical(SEED)).id
            file = folder / "000_b001c2bd3364b9d0.txt"
            file.write_text(
                file.read_text().replace("published: false", "published: false\nremoved: true", 1)
            )
            import_paths(store, [folder])
            recompute(store, tmp_path / "models")
            with store.exported() as (urls, lists):
                assert gone not in urls
                for _, packed in lists:
                    assert gone not in np.frombuffer(packed, NEIGHBOUR_DTYPE)["article"]


class TestEvaluate:
    def test_is_ahead_of_the_baselines_on_the_sample(self, newsroom: tuple[Store, Path]) -> None:
        result = judge(newsroom[0].corpus()).summary()
        assert result.learned
        for name, system in result.systems.items():
            assert 0 <= system["ndcg"] <= 1
            if name != "recommender":
                assert system["ahead"]["interval"][0] > 0

    def test_a_system_there_is_not(self, newsroom: tuple[Store, Path]) -> None:
        with pytest.raises(UsageError, match="word2vec"):
            judge(newsroom[0].corpus(), systems=["word2vec"])

    def test_too_few_links_before_the_cut_is_told(self, newsroom: tuple[Store, Path]) -> None:
        corpus = newsroom[0].corpus()
        first = np.nanmin(corpus.published[np.unique(corpus.links)])
        from datetime import UTC, datetime, timedelta

        cut = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=float(first) + 1)
        assert not judge(corpus, cut, systems=[]).learned

    def test_with_too_few_links_the_default_ranker_is_judged(self, newsroom: tuple[Store, Path]) -> None:
        corpus = newsroom[0].corpus()
        judged = judge(replace(corpus, links=corpus.links[:60]), systems=["default", "tfidf"])
        assert not judged.learned
        assert list(judged.ranked) == ["recommender", "default", "tfidf"]
        np.testing.assert_array_equal(judged.ranked["recommender"], judged.ranked["default"])
        assert judge(corpus, systems=["default"]).learned

    def test_the_default_ranker_is_never_judged_on_what_it_learned_from(
        self, newsroom: tuple[Store, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []
        ranker = default.ranker

        def watched(without: Any = ()) -> Any:
            asked.append(list(without))
            return ranker(without=without)

        monkeypatch.setattr(default, "ranker", watched)
        corpus = newsroom[0].corpus()
        judge(corpus, systems=["default"])
        assert len(asked) == 2
        assert all(urls == list(corpus.urls) for urls in asked)

    def test_is_ahead_of_the_baselines_in_the_archive_too(self, newsroom: tuple[Store, Path]) -> None:
        result = judge(newsroom[0].corpus(), protocol="warm", seed=1).summary()
        assert (result.protocol, result.cut, result.seed) == ("warm", None, 1)
        assert result.learned
        assert all(result.systems["recommender"]["ndcg"] > result.systems[name]["ndcg"] for name in BASELINES)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"protocol": "hot"}, "no protocol 'hot'; there are: cold, warm"),
            ({"protocol": "cold", "seed": 0}, "--seed is of the warm protocol"),
            ({"protocol": "warm", "cut": datetime(2024, 3, 1, tzinfo=UTC)}, "--cut is of the cold protocol"),
        ],
    )
    def test_what_belongs_to_another_protocol(
        self, newsroom: tuple[Store, Path], options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(UsageError, match=message):
            judge(newsroom[0].corpus(), **options)

    @pytest.mark.parametrize("protocol", ["cold", "warm"])
    def test_what_is_hidden_changes_no_list(self, newsroom: tuple[Store, Path], protocol: str) -> None:
        """Whatever the hidden links were, our lists are the same: neither index nor ranker knew them."""
        corpus = newsroom[0].corpus()
        before = judge(corpus, systems=["tfidf"], protocol=protocol)
        queries = before.split.queries
        touched = np.isin(corpus.links, queries).any(axis=1)
        wrong = corpus.links[touched].copy()
        # Each link gets the next query at its query's end: as many stories are linked, to others.
        wrong[np.isin(wrong, queries)] = np.roll(queries, 1)[
            np.searchsorted(queries, wrong[np.isin(wrong, queries)])
        ]
        rewired = replace(corpus, links=np.vstack([corpus.links[~touched], wrong]))
        after = judge(rewired, systems=["tfidf"], protocol=protocol)
        assert after.split.queries.tolist() == queries.tolist()
        assert [one.tolist() for one in after.split.relevant] != [
            one.tolist() for one in before.split.relevant
        ]
        for name, rows in before.ranked.items():
            np.testing.assert_array_equal(after.ranked[name], rows, err_msg=name)

    def test_a_leak_stops_the_run(self, newsroom: tuple[Store, Path]) -> None:
        corpus = newsroom[0].corpus()
        _, index = prepare(corpus)
        leaking = replace(cold(corpus), corpus=corpus)
        with pytest.raises(UnsoundEvaluation, match="visible to the ranker"):
            ask(index, leaking)

    def test_a_system_named_twice_is_asked_once(self, newsroom: tuple[Store, Path]) -> None:
        judged = judge(newsroom[0].corpus(), systems=["bm25", "tfidf", "bm25"])
        assert list(judged.ranked) == ["recommender", "bm25", "tfidf"]

    def test_the_report_and_single_queries_are_json(self, newsroom: tuple[Store, Path]) -> None:
        judged = judge(newsroom[0].corpus(), k=5, systems=["tfidf"])
        report = json.loads(json.dumps(judged.report()))
        assert report["systems"]["tfidf"]["ndcg"] == judged.summary().systems["tfidf"]["ndcg"]
        assert set(report["slices"]) == {"provider", "topic", "age", "links"}
        assert set(report["reliability"]) == {"scored", "shown"}
        assert report["reliability"]["shown"]["pairs"] == 5 * report["queries"]
        lines = json.loads(json.dumps(list(judged.per_query())))
        assert len(lines) == report["queries"]
        assert sum(len(line["relevant"]) for line in lines) == report["relevant"]
        assert all(len(line["systems"]["recommender"]["ranked"]) == 5 for line in lines)


class TestExport:
    def test_writes_every_story_as_ranked(self, newsroom: tuple[Store, Path], tmp_path: Path) -> None:
        store, _ = newsroom
        target = tmp_path / "related.jsonl"
        assert export(store, target, k=5) == len(store.corpus())
        lines = {line["url"]: line["related"] for line in map(json.loads, target.read_text().splitlines())}
        assert lines.keys() == set(store.corpus().urls)
        assert [one["source"] for one in lines[SEED]] == ["curated"] * 4 + ["model"]
        assert all(set(one) == {"url", "score", "source"} for one in lines[SEED])
        assert list(tmp_path.iterdir()) == [target]

    def test_a_folder_that_is_not_there(self, newsroom: tuple[Store, Path], tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be written"):
            export(newsroom[0], tmp_path / "none" / "x.jsonl")
