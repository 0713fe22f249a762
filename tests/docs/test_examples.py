"""Every example of the documentation runs, and every word has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sipcore.script
from sipcore.contract.events import CATALOGUE
from sipcore.script import RequestContext, TransactionRef
from sipcore.testing import pbx

from .examples import DOCS, PAGES, Story, blocks, routes_of, stories

STORIES = [story for page in PAGES for story in stories(page)]
SCRIPT_PAGE = (DOCS / "routing-script.md").read_text(encoding="utf-8")

NOT_FOR_SCRIPTS = {
    "awaited",
    "dialog_ended",
    "end_hold_when_all_came",
    "ended",
    "final_sent",
    "handle",
    "is_answered",
    "ref",
    "release",
    "targets_failed",
    "uid",
}
"What other rooms of the product use of a request or a transaction."


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.page}:{story.line}")
def test_the_example_runs(story: Story, tmp_path: Path) -> None:
    if story.is_test:
        assert story.run_tests(tmp_path) > 0
    else:
        story.tell(pbx, tmp_path)


def documented(title: str) -> set[str]:
    """The words in the tables below that heading."""
    section = SCRIPT_PAGE.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]
    rows = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"(?:request|call)\.(\w+)", row)}


@pytest.mark.parametrize(
    ("title", "kind"), [("Words of a request", RequestContext), ("Words of a call", TransactionRef)]
)
def test_every_word_is_documented_and_every_documented_word_exists(title: str, kind: type) -> None:
    words = {name for name in dir(kind) if not name.startswith("_")} - NOT_FOR_SCRIPTS

    assert documented(title) == words


@pytest.mark.parametrize("title", ["Words of a request", "Words of a call"])
def test_every_word_is_in_an_example_that_runs(title: str) -> None:
    used = {
        node.attr for page in PAGES for node in ast.walk(ast.parse(routes_of(page))) if isinstance(node, ast.Attribute)
    }

    assert documented(title) - used == set()


def test_every_name_of_the_language_is_in_an_example_that_runs() -> None:
    used = {node.id for page in PAGES for node in ast.walk(ast.parse(routes_of(page))) if isinstance(node, ast.Name)}
    language = {name for name in sipcore.script.__all__ if not isinstance(getattr(sipcore.script, name), type)}

    assert language - used == set()


def test_no_python_block_is_left_out() -> None:
    kinds = {kind for page in PAGES for kind, _, _ in blocks(page) if kind.startswith("python")}

    assert kinds <= {"python routes", "python story", "python test"}


def test_events_in_examples_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bE_[A-Z_]+[A-Z]\b", routes_of(page))}
    declared = {name for page in PAGES for name in re.findall(r'declare_event\("(\w+)"', routes_of(page))}

    assert named - declared <= set(CATALOGUE)


def test_the_scripts_of_the_manual_are_the_same_on_the_page_and_in_their_files() -> None:
    files = [path.read_text(encoding="utf-8") for path in sorted((DOCS / "examples").glob("*.py"), reverse=True)]

    wanted = [function for text in files for function in functions(text) if "register(" not in function]

    assert [each for each in functions(routes_of("coming-from-opensips.md")) if each in wanted] == wanted


def functions(source: str) -> list[str]:
    """The functions of a script, without their comments."""
    return [ast.unparse(node) for node in ast.parse(source).body if isinstance(node, ast.AsyncFunctionDef)]
