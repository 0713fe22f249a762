"""The source of the product as the tests of its architecture see it: modules, and what each imports."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """One Python file."""

    name: str
    "Dotted: sipcore.syntax.via; a package's `__init__` has the package's name."
    tree: ast.Module
    is_package: bool = False

    @property
    def half(self) -> str:
        """sipcore or pbx."""
        return self.name.split(".")[0]

    @property
    def room(self) -> str:
        """The part below the half: syntax, worker, dashboard; empty for the half's own `__init__`."""
        return self.name.split(".")[1] if "." in self.name else ""

    @cached_property
    def imports(self) -> tuple[tuple[int, str], ...]:
        """Line and full dotted name of everything imported, wherever in the file, for type checking too.

        `from a.b import c` gives a.b.c; that c may be no module but a name in one does no harm.
        """
        found = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                origin = self._absolute(node)
                found += [(node.lineno, f"{origin}.{alias.name}") for alias in node.names]
        return tuple(found)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree, walked once."""
        return tuple(ast.walk(self.tree))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


def module(name: str, source: str) -> Module:
    """A module made up by a test."""
    return Module(name, ast.parse(source))


@cache
def modules(half: str) -> tuple[Module, ...]:
    """Every module of sipcore or pbx, migrations aside: Django writes those."""
    found = []
    for path in sorted((ROOT / half).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "migrations" in parts:
            continue
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found.append(Module(name, ast.parse(path.read_text(encoding="utf-8")), is_package))
    return tuple(found)


def is_within(name: str, *places: str) -> bool:
    """Whether a dotted name is one of these places, or inside one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)
