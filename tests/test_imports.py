"""The shape of the program: which module may import which, and which errors there are.

The table of ``docs/architecture.md`` and the tree in the docstring of
``errors`` are read, not repeated: a document that is out of date fails here.
"""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from recommender import errors
from recommender.errors import RecommenderError

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "recommender"
ARCHITECTURE = PROJECT / "docs" / "architecture.md"
HEADER = "| module | owns | may import |"

# Imports


def modules(package: Path) -> dict[str, list[Path]]:
    """Name the modules right below a package, with their files; a package below it is one module."""
    found = {path.stem: [path] for path in package.glob("*.py") if path.name != "__init__.py"}
    for folder in package.iterdir():
        if folder.is_dir() and (files := sorted(folder.rglob("*.py"))):
            found[folder.name] = files
    return found


def imported(file: Path, package: Path) -> Iterator[str]:
    """Name the modules right below ``package`` that a file imports, wherever in it, its own included."""
    # What a leading dot stands for: the package that the file is in, or is.
    here = [package.name, *file.relative_to(package).parts[:-1]]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) + 1 - node.level] if node.level else []
            base = [*start, *(node.module.split(".") if node.module else [])]
            names = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for name in names:
            if name[0] == package.name and len(name) > 1:
                yield name[1]


def arrows(package: Path) -> dict[str, set[str]]:
    """Find which modules each module imports, itself left out."""
    tree = modules(package)
    return {
        name: {other for file in files for other in imported(file, package) if other in tree} - {name}
        for name, files in tree.items()
    }


def table(text: str) -> dict[str, set[str]]:
    """Read which modules each module may import: the names in backticks of the first and the last column."""
    lines = iter(text.splitlines())
    if HEADER not in lines:  # reads up to it
        raise ValueError(f"no table with the header {HEADER!r}")
    allowed: dict[str, set[str]] = {}
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            break
        module, *_, imports = [cell.strip() for cell in line.strip().strip("|").split("|")]
        names = set() if imports == "–" else {each.strip() for each in imports.split(",")}
        for name in {module, *names}:
            if not re.fullmatch(r"`\w+`", name):
                raise ValueError(f"not a module's name: {name!r} in {line!r}")
        allowed[module.strip("`")] = {name.strip("`") for name in names}
    return allowed


@pytest.fixture(scope="module")
def allowed() -> dict[str, set[str]]:
    """The table as it is written."""
    return table(ARCHITECTURE.read_text("utf-8"))


def test_the_table_has_the_modules_that_there_are(allowed: dict[str, set[str]]) -> None:
    assert set(allowed) == set(modules(PACKAGE))
    assert set().union(*allowed.values()) <= set(allowed)


def test_no_module_imports_what_the_table_does_not_allow(allowed: dict[str, set[str]]) -> None:
    found = arrows(PACKAGE)
    wrong = [
        f"{name} → {other}" for name in found for other in sorted(found[name] - allowed.get(name, set()))
    ]
    assert wrong == []


def test_the_table_allows_nothing_that_goes_round(allowed: dict[str, set[str]]) -> None:
    assert len(list(TopologicalSorter(allowed).static_order())) == len(allowed)


def test_the_root_imports_no_module() -> None:
    assert list(imported(PACKAGE / "__init__.py", PACKAGE)) == []


def test_who_answers_needs_no_numpy() -> None:
    told = "import recommender.api, recommender.cli.main, sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_every_kind_of_import_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "recommender"
    files = {
        "__init__.py": "",
        "a.py": "from recommender import __version__, b\nimport recommender.c.deep as x\nimport os.path",
        "b.py": "def late():\n    from recommender.a import thing\n    import recommender",
        "c/__init__.py": "from . import deep\nfrom .. import a\nfrom recommender.c import deep as again",
        "c/deep.py": "if False:\n    from ..b import thing\nfrom .other import more",
        "c/more/deeper.py": "from ...d import x\nfrom .. import deep",
        "d.py": "from . import __version__\nfrom recommenders.a import x\nimport recommender_a.b",
        "web/page.html": "import recommender.a",
    }
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    assert arrows(package) == {"a": {"b", "c"}, "b": {"a"}, "c": {"a", "b", "d"}, "d": set()}


def test_the_table_is_read_as_it_is_written() -> None:
    text = f"""
| other | table |
|---|---|
| `x` | `y` |

{HEADER}
|---|---|---|
| `a` | the `words` of a story | – |
| `b` | this, `recommender.toml` | `a`, `c` |
| `c` | that | `a` |

| `d` | another table | `a` |
"""
    assert table(text) == {"a": set(), "b": {"a", "c"}, "c": {"a"}}
    with pytest.raises(ValueError, match="no table"):
        table("| module | owns |")
    with pytest.raises(ValueError, match="everything above"):
        table(f"{HEADER}\n|---|---|---|\n| `a` | x | everything above |")


# Errors


def drawn(docstring: str) -> dict[str, str]:
    """Read a tree drawn with ``├──`` and ``└──``: name → name of what it hangs from, ``""`` for the root."""
    found: dict[str, str] = {}
    path: list[str] = []
    for line in docstring.splitlines():
        if match := re.match(r" {4}((?:│   |    )*(?:├── |└── )?)(\w+)", line):
            path[len(match[1]) // 4 :] = [match[2]]
            found[match[2]] = path[-2] if len(path) > 1 else ""
    return found


def below(kind: type[RecommenderError]) -> Iterator[type[RecommenderError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from below(child)


def test_the_tree_of_errors_is_the_one_drawn() -> None:
    own = [
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if value.__module__ == errors.__name__
    ]
    classes = {kind.__name__: "" if kind is RecommenderError else kind.__bases__[0].__name__ for kind in own}
    assert drawn(errors.__doc__ or "") == classes
    assert list(drawn(errors.__doc__ or "")) == [
        kind.__name__ for kind in below(RecommenderError) if kind in own
    ]


def test_a_tree_is_read_as_it_is_drawn() -> None:
    text = """Errors.

::

    Root
    ├── One             what it is
    │   ├── Deep        it is
    │   └── Last        deeper
    └── Two
        └── Below

Each carries a name.
"""
    assert drawn(text) == {
        "Root": "",
        "One": "Root",
        "Deep": "One",
        "Last": "One",
        "Two": "Root",
        "Below": "Two",
    }


@pytest.mark.parametrize("kind", list(below(RecommenderError)))
def test_every_error_has_a_name_of_its_own_for_machines(kind: type[RecommenderError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.name)
    assert [other for other in below(RecommenderError) if other.name == kind.name] == [kind]
    assert kind.__doc__


def test_names_are_words_with_hyphens() -> None:
    assert (errors.InvalidURL.name, errors.UnknownStory.name) == ("invalid-url", "unknown-story")
    assert errors.RecommenderError.name == "recommender-error"
