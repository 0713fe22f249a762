"""The examples of the documentation, as they stand in its pages.

A fenced block is said to be `python routes`, a routing script or a part of one, or `python story`, what happens on a PBX
with the routes above it in the same section, or with the shipped script where there are none. The imports and the route of
REGISTER may be left out of routes. A story speaks of `world`, or opens one itself with `pbx(…)` and settings. A `python test`
is a file of tests, beside which the routes lie as `my_routes.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DOCS", "PAGES", "Story", "routes_of", "stories"]

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("routing-script.md", "testing-routes.md", "coming-from-opensips.md", "events.md")

IMPORTS = "from sipcore.contract.events import *; from sipcore.script import *"
REGISTER = """

@request_route("REGISTER")
async def register(request):
    if await request.authenticate():
        await request.save()
"""

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$|^(#+ [^\n]*)$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Story:
    """What happens, and the routes it happens on."""

    page: str
    line: int
    "Of the page, as are the lines of both sources: a failure names them."
    source: str
    routes: str
    "Empty for the shipped script."
    is_test: bool = False

    def run_tests(self, directory: Path) -> int:
        """Run the tests of the block in that directory, and return how many there are."""
        (directory / "my_routes.py").write_text(self.routes, encoding="utf-8")
        names: dict[str, Any] = {}
        exec(compile(self.source, f"docs/{self.page}", "exec"), names)
        tests = [value for name, value in names.items() if name.startswith("test_")]
        with chdir(directory):
            for test in tests:
                test()
        return len(tests)

    def tell(self, pbx: Callable[..., AbstractContextManager[Any]], directory: Path) -> set[str]:
        """Run it, and return the names of the events that it raised."""
        worlds = []

        def open_world(**settings: Any) -> AbstractContextManager[Any]:
            if not self.routes:
                return pbx(**settings)
            path = directory / f"{self.page.removesuffix('.md')}.py"
            path.write_text(self.routes, encoding="utf-8")
            return pbx(path, **settings)

        class Opened:
            """The world of the story, remembered."""

            def __init__(self, **settings: Any) -> None:
                self._opened = open_world(**settings)

            def __enter__(self) -> Any:
                world = self._opened.__enter__()
                worlds.append(world)
                return world

            def __exit__(self, *raised: Any) -> bool | None:
                return self._opened.__exit__(*raised)

        code = compile(self.source, f"docs/{self.page}", "exec")
        names: dict[str, Any] = {"pbx": Opened}
        exec(IMPORTS, names)
        if "with pbx(" in self.source:
            exec(code, names)
        else:
            with Opened() as world:
                exec(code, {**names, "world": world})
        return {event.name for world in worlds for event in world.events}


def blocks(page: str) -> Iterator[tuple[str, int, str]]:
    """Kind, line and text of each fenced block; a heading has the kind `#`."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match[3]:
            yield "#", line, match[3]
        else:
            yield match[1].strip(), line, match[2]


def stories(page: str) -> Iterator[Story]:
    """Every story of a page."""
    routes = ""
    for kind, line, text in blocks(page):
        if kind == "#":
            routes = ""
        elif kind == "python routes":
            whole = text if "sipcore.script" in text else f"{IMPORTS}\n{text}"
            padding = "\n" * (line - whole.count("\n") + text.count("\n"))
            routes = padding + whole + ("" if '("REGISTER")' in text else REGISTER)
        elif kind in ("python story", "python test"):
            yield Story(page, line, "\n" * line + text, routes, kind == "python test")


def routes_of(page: str) -> str:
    """All routes of a page, one after the other."""
    return "\n".join(text for kind, _, text in blocks(page) if kind == "python routes")
