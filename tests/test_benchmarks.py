"""The measuring programs measure what they say.  No time is asserted here: machines differ."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import exporting, ours, record, searching
from benchmarks.apart import keep, measure
from benchmarks.asking import ask, even, ndcg, others
from benchmarks.news import news, save
from benchmarks.recall import recall
from benchmarks.rivals import scikit_learn
from benchmarks.write_benchmarks import page
from recommender.store import Store

MACHINE = {
    "cpu": "one",
    "cores": 2,
    "memory_gb": 8,
    "system": "Linux",
    "python": "3.11",
    "libraries": {"numpy": "2"},
}


def test_a_sample_is_even() -> None:
    assert even(10, 20).tolist() == list(range(10))
    assert even(101, 5).tolist() == [0, 25, 50, 75, 100]


def test_all_are_asked_for_or_a_sample() -> None:
    def answer(stories: np.ndarray) -> np.ndarray:
        return stories[:, None]

    assert len(ask(answer, 1_000, budget=60).stories) == 1_000
    few = ask(answer, 1_000, budget=0)
    assert len(few.stories) == 1
    assert few.seconds > 0


def test_a_story_is_not_in_its_own_list() -> None:
    found = np.array([[7, 1, 2], [5, 6, 7], [1, 9, -1]])
    assert others(found, np.array([7, 8, 9]), 2).tolist() == [[1, 2], [5, 6], [1, -1]]


def test_quality_is_that_of_links_both_ways() -> None:
    corpus = news(400)
    everything = np.arange(400)
    right = np.full((400, 50), -1)
    for source, target in [*corpus.links, *corpus.links[:, ::-1]]:
        if target not in right[source]:
            right[source, (right[source] < 0).argmax()] = target
    assert ndcg(corpus, everything, right[:, :10]) == pytest.approx(1)
    assert ndcg(corpus, everything, np.full((400, 10), -1)) == 0
    nearest = scikit_learn(corpus, 10)(everything)
    assert nearest.shape == (400, 10)
    assert not (nearest == everything[:, None]).any()
    assert 0.2 < ndcg(corpus, everything, nearest) < 0.9


def test_recall_counts_equal_scores_as_each_other() -> None:
    scores = np.array([[0, 0.9, 0.5, 0.5, 0.1], [0, 0.9, 0.5, 0.4, 0.1], [0, 0, 0, 0, 0]], np.float32)
    found = np.array([[1, 3], [1, 4], [-1, -1]])
    assert recall(found, scores, 2).tolist() == [1, 0.5, 1]


def test_what_a_recompute_finds_is_what_there_is() -> None:
    corpus = news(300)
    stories = even(300, 40)
    found = ours.found(corpus, stories, engine="local")
    assert recall(found, ours.scorer(corpus)(stories), 100).mean() > 0.9


def test_every_system_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    keep(tmp_path, news(300))
    result = measure(tmp_path, "benchmarks.rivals:asked", 60, name="scikit-learn", k=10, budget=60)
    assert result is not None
    facts, arrays = result
    assert arrays["lists"].shape == (300, 10)
    assert facts["asked"] == 1
    assert facts["seconds"] == facts["prepare_seconds"] + facts["answer_seconds"]
    assert 30 < facts["peak_mb"] < 1_000
    assert measure(tmp_path, "benchmarks.rivals:asked", 0.01, name="scikit-learn", k=10, budget=60) is None


def test_memory_is_counted_at_its_peak() -> None:
    """In a process of its own: this one may have children by now, which are counted too."""
    script = (
        "import numpy as np; from benchmarks.apart import Meter\n"
        "with Meter() as before: pass\n"
        "with Meter() as meter: np.ones(20_000_000).sum()\n"
        "print(meter.peak_mb - before.peak_mb)"
    )
    root = Path(__file__).parents[1]
    said = subprocess.run([sys.executable, "-c", script], cwd=root, check=True, capture_output=True).stdout
    assert float(said) == pytest.approx(20_000_000 * 8 / 2**20, rel=0.2)


def test_rows_replace_those_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept.json"
    monkeypatch.setattr(record, "machine", lambda: MACHINE)
    record.record("x", "How.", [{"stories": 50, "system": "b", "seconds": 2.0}], file=file)
    record.record("x", "How.", [{"stories": 5, "system": "b", "seconds": 1.0}], file=file)
    both = [{"stories": 50, "system": name, "seconds": 4.0} for name in ("b", "a")]
    record.record("x", "How.", both, order=["a", "b"], file=file)
    rows = json.loads(file.read_text())["x"]["rows"]
    assert [(row["stories"], row["system"], row["seconds"]) for row in rows] == [
        (5, "b", 1.0),
        (50, "a", 4.0),
        (50, "b", 4.0),
    ]
    monkeypatch.setattr(record, "machine", lambda: {**MACHINE, "cores": 64})
    record.record("x", "How.", both[:1], file=file)
    assert len(json.loads(file.read_text())["x"]["rows"]) == 1, "rows of two machines in one table"


def test_the_page_has_what_was_measured_and_nothing_else() -> None:
    rows = [
        {"stories": 1_000, "system": "a", "seconds": 1.0, "cpu_seconds": 2.0, "peak_mb": 10.0, "asked": 1.0},
        {
            "stories": 10_000,
            "system": "a",
            "seconds": 30.0,
            "cpu_seconds": 50.0,
            "peak_mb": 20.0,
            "asked": 0.025,
        },
        {"stories": 10_000, "system": "b", "over": 60.0},
    ]
    section = {
        "how": "Somehow.",
        "note": "It was busy.",
        "machine": MACHINE,
        "date": "2024-03-07",
        "rows": rows,
    }
    text = page({"later": section, "recompute": section})
    assert text.index("Ranking a whole archive") < text.index("## Later")
    assert "| 10,000 | a | 30.0 | 50.0 | 20 | 2.50% |" in text
    assert "| 10,000 | b | over 60 | – | – | – |" in text
    assert "| a | × 25 |" in text
    assert "Somehow." in text
    assert "It was busy." in text
    assert "2024-03-07: one, 2 cores, 8 GB" in text
    assert "recall" not in text


def test_a_machine_is_described_not_named() -> None:
    facts = record.machine()
    assert facts["cores"] >= 1
    assert "numpy" in facts["libraries"]
    assert set(facts) == {"cpu", "cores", "memory_gb", "system", "python", "libraries"}


def test_every_format_is_exported(tmp_path: Path) -> None:
    rows = exporting.measured(1_000, tmp_path)
    assert [row.name for row in rows] == ["JSONL", "Parquet", "static", "static, unchanged"]
    assert all(row.seconds > 0 and row.size > 1_000 for row in rows)
    assert rows[2].size == rows[3].size
    assert len(list((tmp_path / "static").glob("*/*.json"))) == 1_000


def test_every_kind_of_search_is_asked_and_finds(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        save(store, news(300))
        rows = searching.measured(store, queries=20)
    assert len({row.name for row in rows}) == len(rows) == 11
    assert all(0 < row.p50 <= row.p99 for row in rows)
    found = {row.name: row.found for row in rows}
    assert 1 <= found["a headline"] <= found["a word"] <= found["beginnings of 1"] <= searching.LIMIT
