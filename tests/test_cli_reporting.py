"""The report of clicks by command: its tables, its JSON, and what it says when there is nothing."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest
from stories import document, packed, save, story
from test_cli import Result, run_in

from recommender.evaluation import clickthrough
from recommender.store import Count, Store

TODAY = 20_000
DATABASE = "recommender.sqlite"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> partial[Result]:
    """A folder with a store of six stories and two generations; it is day 20,000."""
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        save(store, *(document(story(name)) for name in "abcdef"))
        for model in ("m1", "m2"):
            store.publish(model, [(1, packed((2, 0.9)))])
    monkeypatch.setattr(time, "time", lambda: TODAY * 86_400 + 3_600.5)
    return partial(run_in, tmp_path)


def count(tmp_path: Path) -> None:
    """Let pins be shown first and links second, but for one story where it is the other way round."""
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        lost = store.record_events(
            [
                Count(TODAY - 6, 1, 1, 3, 0, 1, 1_000, 200),
                Count(TODAY - 6, 1, 1, 4, 1, 2, 1_000, 150),
                Count(TODAY, 2, 2, 3, 1, 1, 1_000, 300),
                Count(TODAY, 2, 2, 4, 0, 2, 1_000, 100),
                Count(TODAY, 2, 5, 4, 3, 3, 500, 0),
            ]
        )
    assert lost == 0


def test_tables_have_counts_rates_and_intervals(run: partial[Result], tmp_path: Path) -> None:
    count(tmp_path)
    result = run("report")
    assert result.returncode == 0, result.stderr
    found = lines(result)
    # Half as many look at the second rank: pins 200 of 1,000 at the first one, and 100 at the second.
    assert any(line.startswith("pinned 2,000 300 15.0 % 20.0 % ") for line in found)
    assert any(line.startswith("curated 2,000 450 22.5 % 30.0 % ") for line in found)
    assert "fill 500 0 0.00 % –" in found
    assert any(line.startswith("1 2,000 500 25.0 % 100.0 % 100.0 % – 100.0 %") for line in found)
    assert any(line.startswith("2 2,000 250 12.5 % 50.0 % ") for line in found)
    assert "3 500 0 0.00 % –" in found
    assert any(line.startswith("m1 2,000 350 17.5 % ") for line in found)
    assert any(line.startswith("m2 2,500 400 16.0 % ") for line in found)
    assert "750 clicks on 4,500 shown, in the lists of 3 stories." in " ".join(found)


def lines(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("shown", "told"), [(100, "2.50 % 5.00 % 1.62 % – 11.7 %"), (5, "50.0 % 100.0 % too few clicks")]
)
def test_rates_are_those_at_the_first_rank_that_was_clicked(
    run: partial[Result], tmp_path: Path, shown: int, told: str
) -> None:
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        store.record_events([Count(TODAY, 1, 1, 4, 2, 2, shown, 0), Count(TODAY, 1, 1, 3, 2, 3, shown, 5)])
    found = lines(run("report"))
    for name, row in (("source", "model"), ("model", "m1")):
        assert f"{name} shown clicked click-through at rank 3 95 % interval" in found
        assert f"{row} {2 * shown} 5 {told}" in found


def test_no_click_through_is_above_100_per_cent(run: partial[Result], tmp_path: Path) -> None:
    """Links at a rank where others show that a fifth look, all clicked: five clicks for each at the first."""
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        store.record_events(
            [
                Count(TODAY, 1, 1, 3, 2, 1, 10, 5),
                Count(TODAY, 1, 1, 4, 2, 2, 10, 1),
                Count(TODAY, 1, 1, 5, 1, 2, 3, 3),
            ]
        )
        assert clickthrough(store.events()).sources[0].debiased == pytest.approx(5)
    found = lines(run("report"))
    assert "curated 3 3 100.0 % – too few clicks" in found
    # How often a rank is examined is beside another, and may well be above it.
    assert any(line.startswith("2 13 4 30.8 % 20.0 % ") and line.endswith(" %") for line in found)


def test_one_of_each(run: partial[Result], tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        store.record_events([Count(TODAY, 1, 1, 3, 2, 1, 7, 1)])
    assert "1 click on 7 shown, in the list of 1 story." in " ".join(run("report").stdout.split())


def test_days_are_the_last_ones_today_among_them(run: partial[Result], tmp_path: Path) -> None:
    count(tmp_path)
    for days, shown in ((1, 2_500), (6, 2_500), (7, 4_500)):
        assert json.loads(run("report", "--days", str(days), "--json").stdout)["shown"] == shown
    assert json.loads(run("report", "--days", "36500", "--json").stdout)["shown"] == 4_500
    for days in (0, 36_501, 999_999_999_999_999, 99_999_999_999_999_999_999_999):
        assert run("report", "--days", str(days)).returncode == 2, days


def test_json_is_all_of_it(run: partial[Result], tmp_path: Path) -> None:
    count(tmp_path)
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        found = clickthrough(store.events())
    told = json.loads(run("report", "--json").stdout)
    assert list(told) == ["stories", "shown", "clicked", "unshown", "ctr", "sources", "ranks", "models"]
    assert [source["name"] for source in told["sources"]] == ["pinned", "curated", "fill"]
    assert told["sources"][0]["debiased"] == found.sources[0].debiased
    assert told["sources"][0]["interval"] == list(found.sources[0].interval or ())
    assert (told["sources"][2]["debiased"], told["sources"][2]["interval"]) == (None, None)


def test_clicks_on_what_was_not_shown_are_told(run: partial[Result], tmp_path: Path) -> None:
    said = "clicks more are not counted: no impression of what they are on was"
    count(tmp_path)
    assert json.loads(run("report", "--json").stdout)["unshown"] == 0
    assert "not counted" not in run("report").stdout
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        # Of the list shown six days ago, and of a place where nobody was shown anything.
        store.record_events([Count(TODAY, 1, 1, 3, 0, 1, 0, 40), Count(TODAY, 1, 1, 5, 2, 9, 0, 1_002)])
    told = json.loads(run("report", "--json").stdout)
    assert (told["clicked"], told["unshown"]) == (790, 1_002)
    assert f"1,002 {said}" in " ".join(run("report").stdout.split())
    assert f"1,042 {said}" in " ".join(run("report", "--days", "1").stdout.split())


def test_clicks_alone_are_told(run: partial[Result], tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        store.record_events([Count(TODAY, 1, 1, 3, 0, 1, 0, 1)])
    words = " ".join(run("report").stdout.split())
    assert "No impression was counted yet." in words
    assert "1 click more is not counted: no impression of what it is on was." in words


def test_nothing_was_counted(run: partial[Result], tmp_path: Path) -> None:
    assert "Nothing was counted yet." in run("report").stdout
    assert json.loads(run("report", "--json").stdout)["shown"] == 0
    count(tmp_path)
    with Store.open(f"sqlite:///{tmp_path}/{DATABASE}") as store:
        assert len(store.events()) == 5
    assert "Nothing was counted" not in run("report", "--days", "1").stdout


def test_nothing_was_counted_lately(
    run: partial[Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(tmp_path)
    monkeypatch.setattr(time, "time", lambda: (TODAY + 30) * 86_400.0)
    result = run("report", "--days", "28")
    assert (result.returncode, "Nothing was counted in the last 28 days." in result.stdout) == (0, True)
