"""The documentation names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sipcore.contract.events import CATALOGUE, OURS
from tests.acceptance.markers import proofs
from tests.acceptance.table import PAGE, page

ROOT = Path(__file__).parents[2]


def test_every_event_and_attribute_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(E_\w+)` \| (.*) \|$", (ROOT / "docs/events.md").read_text(), re.MULTILINE))
    assert set(rows) == OURS
    for name in OURS:
        declared = CATALOGUE[name]
        documented = dict(re.findall(r"`(\w+)`\**? (\w+)", rows[name]))
        assert documented == {key: kind.__name__ for key, kind in declared.attributes.items()}, name


@pytest.mark.parametrize(
    "page", sorted(str(p.relative_to(ROOT)) for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_the_page_of_acceptance_is_not_stale() -> None:
    stale = "docs/acceptance.md is stale: run `python -m tests.acceptance` and commit what it writes"
    assert PAGE.read_text(encoding="utf-8") == page(proofs()), stale
