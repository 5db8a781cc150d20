"""Docs that quote help texts, parameters and numbers are true, or the build fails."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import recommender
from benchmarks import record, write_benchmarks
from recommender.engine import processes
from recommender.pipeline.evaluating import judge
from recommender.pipeline.importing import import_paths
from recommender.service import Options
from recommender.settings import Settings
from recommender.store import Store

ROOT = Path(__file__).parents[1]
PINNED = (
    "constraints.txt",
    "tests/constraints.txt",
    "benchmarks/constraints.txt",
    "Makefile",
    "pyproject.toml",
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.fixture(scope="module")
def writer(benchmark: Callable[[str], ModuleType]) -> ModuleType:
    """The program that writes what the docs quote."""
    return benchmark("write_docs")


def test_help_texts_are_quoted_as_they_are(writer: ModuleType) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == writer.help_texts(), "stale: make docs"


@pytest.mark.parametrize(
    ("page", "name"),
    [("README.md", "systems"), ("docs/evaluation.md", "reliability"), ("docs/evaluation.md", "links")],
)
def test_tables_say_what_was_measured(writer: ModuleType, page: str, name: str) -> None:
    measured = json.loads((ROOT / "docs" / "measured.json").read_text(encoding="utf-8"))
    where, lay_out = writer.TABLES[name]
    assert where == page
    assert writer.quoted(name) == lay_out(measured), "stale: make docs"


def test_a_table_has_a_dash_where_nothing_was_measured(writer: ModuleType) -> None:
    """A newsroom may have no pair of some scores, or fewer links than another."""
    lead = {"mean": 0.0625, "interval": [-0.125, 0.25]}
    one, other = (
        {
            "reliability": {
                "shown": {"error": 0.25, "bins": [{"least": least, "linked": 1.0}]},
                "scored": {"error": 0.125},
            },
            "curve": [
                {"links": 0, "ndcg": 0.5},
                {"links": count, "ndcg": 0.5625},
                {"links": 1_500, "ndcg": 0.75} | gain,
            ],
        }
        for least, count, gain in ((0.2, 50, {"ahead": lead}), (0.8, 200, {}))
    )
    measured = {"paper": {"cold": one}, "radio": {"cold": other}}
    assert writer.reliability(measured).splitlines() == [
        "| scored | paper, cold | radio, cold |",
        "|---|---|---|",
        "| .2–.3 | 1.00 | – |",
        "| .4–.5 | – | – |",
        "| .6–.7 | – | – |",
        "| .8–.9 | – | 1.00 |",
        "| error of `shown` | .250 | .250 |",
        "| error of `scored` | .125 | .125 |",
    ]
    assert writer.links(measured).splitlines() == [
        "| nDCG@10 by links | 0 | 50 | 200 | all | all against none, 95 % paired |",
        "|---|---|---|---|---|---|",
        "| paper, cold | .500 | .562 | – | .750 (1,500) | +0.062 [-0.125, +0.250] |",
        "| radio, cold | .500 | – | .562 | .750 (1,500) | – |",
    ]


def test_what_is_measured_again_replaces_only_itself(
    benchmark: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    note = benchmark("compare").note
    file = tmp_path / "measured.json"
    note(file, {"paper": {"cold": {"k": 10, "systems": {"bm25": 1}}, "warm": {"k": 10}}})
    note(file, {"paper": {"cold": {"curve": [1, 2]}}, "radio": {"cold": {"k": 5}}})
    note(file, {"paper": {"cold": {"k": 20, "systems": {"tfidf": 2}}}})
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "paper": {"cold": {"k": 20, "systems": {"tfidf": 2}, "curve": [1, 2]}, "warm": {"k": 10}},
        "radio": {"cold": {"k": 5}},
    }


@pytest.mark.parametrize("protocol", ["cold", "warm"])
def test_what_was_measured_is_what_the_program_does(tmp_path: Path, corpora: Path, protocol: str) -> None:
    file = ROOT / "docs" / "measured.json"
    measured = json.loads(file.read_text(encoding="utf-8"))["diablo4"][protocol]
    systems = [name for name in measured["systems"] if name not in ("recommender", "minilm")]
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        import_paths(store, [corpora / "diablo4"])
        judged = judge(store.corpus(), systems=systems, engine=processes, protocol=protocol)
    result = judged.summary()
    assert (result.queries, result.stories) == (measured["queries"], measured["stories"])
    for name, system in result.systems.items():
        assert system["ndcg"] == pytest.approx(measured["systems"][name]["ndcg"], abs=0.0005), name
    for part, found in judged.reliability().items():
        assert found.pairs == measured["reliability"][part]["pairs"], part
        assert found.error == pytest.approx(measured["reliability"][part]["error"], abs=0.0005), part


def test_a_curve_ends_where_the_systems_stand() -> None:
    """Both were measured of one program: without links it is the default ranker, with all of them ours."""
    measured = json.loads((ROOT / "docs" / "measured.json").read_text(encoding="utf-8"))
    for name, reports in measured.items():
        for protocol, report in reports.items():
            none, *_, everything = report["curve"]
            assert none["links"] == 0
            for point, system in ((none, "default"), (everything, "recommender")):
                assert point["ndcg"] == pytest.approx(report["systems"][system]["ndcg"], abs=0.0005), (
                    f"{name}, {protocol}: stale: make compare"
                )


def test_measured_leads_are_leads() -> None:
    """Ahead of every baseline on every corpus by both protocols, and for sure on most."""
    measured = json.loads((ROOT / "docs" / "measured.json").read_text(encoding="utf-8"))
    sure = 0
    for reports in measured.values():
        for report in reports.values():
            others = {
                name: one for name, one in report["systems"].items() if name not in ("recommender", "default")
            }
            assert all(one["ahead"]["mean"] > 0 for one in others.values())
            sure += all(one["ahead"]["interval"][0] > 0 for one in others.values())
    assert sure >= 4


def test_the_page_of_benchmarks_says_what_was_measured() -> None:
    sections = json.loads(record.KEPT.read_text(encoding="utf-8"))
    written = write_benchmarks.PAGE.read_text(encoding="utf-8")
    assert written == write_benchmarks.page(sections), "stale: make docs"
    drawn = write_benchmarks.PICTURE.read_text(encoding="utf-8")
    assert drawn == write_benchmarks.picture(sections), "stale: make docs"


def test_operations_lists_every_setting() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert f"| `{name}` | `{field.default}` | {field.description} |" in page


def test_the_api_page_lists_every_parameter() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    table = page.split("| parameter |")[1].split("\n\n")[0]
    listed = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert listed == {"url", *Options.model_fields, "model"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_version_is_the_changelogs_newest() -> None:
    newest = re.search(
        r"^## (?!Unreleased)(\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert newest is not None
    assert newest[1] == recommender.__version__
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{recommender.__version__}"' in project


def test_nothing_names_an_index_or_a_machine() -> None:
    for name in PINNED:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"--(extra-)?index-url|--find-links|file://|/(root|home|work)/", text), name


def test_pictures_load_nothing_from_other_hosts() -> None:
    for picture in (ROOT / "docs" / "images").iterdir():
        if picture.suffix == ".svg":
            assert not re.search(r"(?:href|src|url\()\W*https?://", picture.read_text(encoding="utf-8"))
