"""The pages on reliability and security name tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
NAMED = re.compile(r"`(test_\w+\.py)(?:::(\w+))?`")


def defined(path: Path) -> set[str]:
    """Tests of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("page", ["reliability.md", "security.md"])
def test_what_is_promised_is_tested(page: str) -> None:
    """Every row of the tables ends in tests that exist, written `test_file.py::test_name`."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.endswith("| test |")]
    for row in rows:
        last = row.rstrip(" |").rsplit(" | ", 1)[-1]
        named = NAMED.findall(last)
        assert named, f"no test is named in: {row}"
        for file, test in named:
            assert (TESTS / file).is_file(), file
            assert not test or test in defined(TESTS / file), f"{file} has no {test}"
