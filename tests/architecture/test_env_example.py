"""`.env.example` names exactly the variables that the product reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

OURS = re.compile(r"PBX_[A-Z0-9_]+|DATABASE_URL|REDIS_URL|SECRET_KEY|SECRET_KEY_FALLBACKS|TZ")
# A reader is called with the name among its first arguments: env.word("X"), read("X", …), read(_listener, environ, "X", …).
NAMED_AMONG = 3


def read_in(tree: ast.AST) -> Iterator[str]:
    """Names of variables that a module reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from constants(node.args[:NAMED_AMONG])
        elif isinstance(node, ast.Subscript) and "environ" in ast.unparse(node.value):
            if isinstance(node.ctx, ast.Load):
                yield from constants([node.slice])
        elif isinstance(node, ast.Compare) and any("environ" in ast.unparse(each) for each in node.comparators):
            yield from constants([node.left])
        elif isinstance(node, ast.Assign) and any("LISTENERS" in ast.unparse(each) for each in node.targets):
            yield from constants(list(ast.walk(node.value)))


def constants(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and OURS.fullmatch(node.value):
            yield node.value


def read_by_the_product() -> set[str]:
    names: set[str] = set()
    for package in ("pbx", "sipcore"):
        for path in (ROOT / package).rglob("*.py"):
            names.update(read_in(ast.parse(path.read_text(encoding="utf-8"))))
    names.update(re.findall(r"\$\{?(PBX_[A-Z0-9_]+)", (ROOT / "bin" / "with-venv").read_text(encoding="utf-8")))
    # X_FILE is the same setting as X, in another place.
    return {name.removesuffix("_FILE") if name != "PBX_ENV_FILE" else name for name in names}


def example() -> list[str]:
    return (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()


def test_the_example_names_exactly_what_is_read():
    named = [found[1] for line in example() if (found := re.match(r"#?([A-Z_]+)=", line))]

    assert sorted(named) == sorted(set(named)), "a variable is named twice"
    assert set(named) == read_by_the_product()


def test_each_variable_is_explained():
    """A comment stands above each block of variables."""
    previous = ""
    for line in example():
        if re.match(r"#?[A-Z_]+=", line):
            assert previous.startswith("#"), f"nothing is said about {line}"
        previous = line


def test_the_example_changes_nothing_as_it_is():
    assert [line for line in example() if line and not line.startswith("#")] == []
