"""Which test files carry the marker of which statement, by reading the source: no test is imported or run.

A marker stands above a test or a class of tests, among the `marks` of one of its cases, or in `pytestmark`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["TESTS", "markers_in", "proofs"]

TESTS = Path(__file__).parents[1]


def proofs(tests: Path = TESTS) -> dict[str, list[str]]:
    """The test files that prove each statement, as paths below `tests`, sorted."""
    found: dict[str, set[str]] = {}
    for path in tests.rglob("test_*.py"):
        for statement in markers_in(path.read_text(encoding="utf-8")):
            found.setdefault(statement, set()).add(path.relative_to(tests).as_posix())
    return {statement: sorted(files) for statement, files in found.items()}


def markers_in(source: str) -> Iterator[str]:
    """Every statement that a marker in this source names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.acceptance":
            for argument in node.args:
                yield ast.literal_eval(argument)
