"""Docs that quote help texts, parameters and numbers are true, or the build fails."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

import recommender
from benchmarks import record, write_benchmarks
from recommender.engine import processes
from recommender.pipeline.evaluating import evaluate
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
def writer() -> ModuleType:
    """The program that writes what the docs quote."""
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "benchmarks" / "write_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_texts_are_quoted_as_they_are(writer: ModuleType) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == writer.help_texts(), "stale: make docs"


def test_the_readmes_table_says_what_was_measured(writer: ModuleType) -> None:
    measured = json.loads((ROOT / "docs" / "measured.json").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    quoted = readme.split(writer.MARKS[0])[1].split(writer.MARKS[1])[0]
    assert quoted == writer.table(measured), "stale: make docs"


def test_what_was_measured_is_what_the_program_does(tmp_path: Path, corpora: Path) -> None:
    measured = json.loads((ROOT / "docs" / "measured.json").read_text(encoding="utf-8"))["diablo4"]["cold"]
    systems = [name for name in measured["systems"] if name not in ("recommender", "minilm")]
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        import_paths(store, [corpora / "diablo4"])
        result = evaluate(store.corpus(), systems=systems, engine=processes)
    assert (result.queries, result.stories) == (measured["queries"], measured["stories"])
    for name, system in result.systems.items():
        assert system["ndcg"] == pytest.approx(measured["systems"][name]["ndcg"], abs=0.0005), name


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


def test_operations_lists_every_setting() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert f"| `{name}` | `{field.default}` | {field.description} |" in page


def test_the_api_page_lists_every_parameter() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    table = page.split("| parameter |")[1].split("\n\n")[0]
    listed = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert listed == {"url", *Options.model_fields}


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
