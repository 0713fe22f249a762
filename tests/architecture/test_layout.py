"""Where files are and what they are called: rule R8, and that the tests stand where the source stands."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .source import ROOT, modules

TREES = ("sipcore", "pbx", "tests", "benchmarks", "bin")

BANNED = {"utils", "util", "helpers", "common", "misc", "services", "manager", "managers", "signals", "core", "lib"}
"R8: names that say nothing, so that everything ends up there. `core` and `lib` as folders only."
ALLOWED = {
    "sipcore/proxy/core.py": "ProxyCore: RFC 3261 §16 calls it the proxy core",
    "tests/sipcore/proxy/test_core.py": "mirrors it",
    "benchmarks/core.py": "measures ProxyCore",
}

TESTED_ELSEWHERE = {
    "contract": "tests/contract",
    "store": "tests/store",
    "routes": "tests/routes",
}
"Rooms whose tests need Django, Redis or the whole core, and stand beside tests/sipcore."

BEHAVIOURS = {
    "calls/test_with_the_core.py",
    "proxy/test_interleavings.py",
    "syntax/test_usual_messages.py",
}
"Test files that are about a room as a whole, not about one module."


def python_files(tree: str) -> list[Path]:
    return [path for path in sorted((ROOT / tree).rglob("*.py")) if "__pycache__" not in path.parts]


def test_no_module_has_a_name_that_says_nothing():
    """R8."""
    files = [path.relative_to(ROOT) for tree in TREES for path in python_files(tree)]

    guilty = [
        str(path)
        for path in files
        if str(path) not in ALLOWED and {part.removeprefix("test_") for part in path.with_suffix("").parts} & BANNED
    ]

    assert guilty == []


def test_every_test_of_sipcore_stands_where_its_module_stands():
    """tests/sipcore/syntax/test_via.py is about sipcore/syntax/via.py."""
    tests = ROOT / "tests/sipcore"
    astray = []
    for path in python_files("tests/sipcore"):
        relative = path.relative_to(tests)
        if not path.name.startswith("test_") or relative.as_posix() in BEHAVIOURS:
            continue
        module = ROOT / "sipcore" / relative.with_name(relative.name.removeprefix("test_"))
        if not module.exists() and not module.with_suffix("").is_dir():
            astray.append(relative.as_posix())

    assert astray == []


ROOMS = sorted({each.room for each in modules("sipcore") if each.is_package and each.room})


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_tests(room):
    place = ROOT / TESTED_ELSEWHERE.get(room, f"tests/sipcore/{room}")

    assert list(place.glob("test_*.py")), f"no tests in {place.relative_to(ROOT)}"


def test_every_folder_of_tests_is_a_package():
    """So that two test files may have the same name."""
    folders = {path.parent for path in python_files("tests")}

    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_module_of_sipcore_says_what_is_in_it_and_what_is_public():
    """House style: a docstring in each module; what others may use is in `__all__`."""
    silent = []
    for each in modules("sipcore"):
        has_code = any(not isinstance(node, ast.Expr) for node in each.tree.body)
        names = {
            target.id
            for node in each.tree.body
            if isinstance(node, (ast.Assign, ast.AnnAssign))
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        if ast.get_docstring(each.tree) is None:
            silent.append(f"{each.name}: no docstring")
        if has_code and "__all__" not in names and each.room not in ("routes", "__main__"):
            silent.append(f"{each.name}: no __all__")

    assert silent == []
