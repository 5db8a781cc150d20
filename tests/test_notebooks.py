"""The notebooks run from top to bottom on the sample newsroom, show what they should, and are kept clean."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lxml.html
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from recommender.pipeline.importing import import_paths
from recommender.pipeline.recomputing import recompute
from recommender.store import Store

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EVALUATE, LOOK, TUNE = NOTEBOOKS

PATIENCE = 300
"""Seconds a cell may take on a machine that is busy with something else."""

GUARD = """
import socket
import warnings


def refused(*arguments, **named):
    raise OSError("a notebook asked for the network")


socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel")  # as it shuts down
"""
"""Runs in the kernel before anything else."""

Run = Callable[..., NotebookNode]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a notebook in a kernel without network, and without this machine's own settings."""
    # Sockets in a folder, not ports; their names may not be long, as pytest's folders are.
    with tempfile.TemporaryDirectory(prefix="nb-") as folder:
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            monkeypatch.setenv(name, f"{folder}/{name[:9].lower()}")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RECOMMENDER_")}

        def execute(path: Path, **environment: str) -> NotebookNode:
            notebook = nbformat.read(path, as_version=4)
            notebook.cells.insert(0, nbformat.v4.new_code_cell(GUARD))
            client = NotebookClient(
                notebook,
                timeout=PATIENCE,
                resources={"metadata": {"path": str(path.parent)}},
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}}),
            )
            return client.execute(env=clean | environment)

        yield execute


def shown(notebook: NotebookNode, kind: str) -> list[Any]:
    """List what the cells show, of one kind, in order."""
    return [
        output["data"][kind]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if kind in output.get("data", {})
    ]


# As they are kept


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01-evaluate-against-curated-links",
        "02-look-at-disagreements",
        "03-tune-a-ranker",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_kept(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), "clear all outputs before a commit"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_one_variable_says_which_store(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.source.splitlines()[-1] == 'STORE = os.environ.get("RECOMMENDER_STORE", "")'
    assert "`STORE`" in notebook.cells[0].source
    assert "STORE =" not in "".join(cell.source for cell in notebook.cells if cell is not first)


# As they run


def test_the_evaluation_is_shown(run: Run) -> None:
    done = run(EVALUATE)
    assert len(shown(done, "image/png")) == 5
    tables = "".join(shown(done, "text/plain"))
    assert all(name in tables for name in ("recommender", "default", "trigram-decay", "cold protocol"))
    assert "lead over no links" in tables


def test_disagreements_are_shown(run: Run) -> None:
    done = run(LOOK)
    pages = [lxml.html.fromstring(page) for page in shown(done, "text/html")]
    heads = [head.text_content() for page in pages for head in page.iter("b")]
    for head in ("links to", "might link to", "The editors' links", "The model's list"):
        assert heads.count(head) == 5, head
    counted = re.search(r"'5 of (\d+) links that look wrong'", "".join(shown(done, "text/plain")))
    assert counted is not None
    assert int(counted[1]) >= 5


def test_settings_are_tried(run: Run) -> None:
    done = run(TUNE)
    assert len(shown(done, "image/png")) == 3
    tables = "".join(shown(done, "text/plain"))
    assert all(name in tables for name in ("never learn", "without links", "65–80 %", "newest fifth"))


def test_stories_are_hostile(run: Run, tmp_path: Path) -> None:
    """What a document says is shown as it is written, and is no part of the page."""
    evil = "<img src=x onerror=alert(1)>'>&lt;"
    (tmp_path / "stories").mkdir()
    for seed in (ROOT / "seeds").iterdir():
        text = seed.read_text(encoding="utf-8")
        for field in ("title", "excerpt"):
            text = text.replace(f'{field}: "', f'{field}: "{evil} ')
        text = text.replace(".example/", f".example/{evil}/").replace("domain: ", "domain: <script>")
        (tmp_path / "stories" / seed.name).write_text(text, encoding="utf-8")
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(url) as store:
        imported = import_paths(store, [tmp_path / "stories"])
        assert not imported.rejections
        recompute(store, tmp_path / "models")
        generation = store.generation()
    done = run(LOOK, RECOMMENDER_STORE=url)
    pages = [lxml.html.fromstring(page) for page in shown(done, "text/html")]
    assert len(pages) > 10
    for page in pages:
        assert "<img src=x onerror=alert(1)>'>&lt;" in page.text_content()
        for element in page.iter():
            assert element.tag in {"div", "b", "a", "table", "tbody", "tr", "td", "h3"}
            assert set(element.attrib) <= {"style", "dir", "href", "rel", "target"}
            assert element.get("href", "https://").startswith(("http://", "https://"))
    with Store.open(url, create=False) as store:
        assert store.generation() == generation, "a store is only read"
