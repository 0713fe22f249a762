"""docs/acceptance.md, written from the statements and the markers of the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .statements import GROUPS, MUST, NOT_APPLICABLE, SHOULD, STATEMENTS, STILL_MISSING

__all__ = ["PAGE", "page", "unproved"]

PAGE = Path(__file__).parents[2] / "docs" / "acceptance.md"

HEAD = """\
# Acceptance

What the specification's acceptance statements ask for, in a few words each, and which tests show it. This page is written by
`python -m tests.acceptance` from the markers of the tests, such as `@pytest.mark.acceptance("H22")`, and from
`tests/acceptance/statements.py`; a test fails when it is stale. **Must** is for a first release, *should* for a good one.
"""


def page(proofs: Mapping[str, Sequence[str]]) -> str:
    """The whole page, as Markdown."""
    parts = [HEAD, _summary(proofs)]
    for title, numbers in GROUPS.items():
        parts.append(f"\n## {title}\n\n| | | Statement | Shown by |\n|---|---|---|---|\n")
        parts += [_row(number, proofs) for number in STATEMENTS if number in numbers]
    return "".join(parts)


def _summary(proofs: Mapping[str, Sequence[str]]) -> str:
    later = frozenset(STATEMENTS) - MUST - SHOULD
    left = {"must": unproved(proofs, MUST), "should": unproved(proofs, SHOULD), "later": unproved(proofs, later)}
    said = "; ".join(f"{name}: {', '.join(numbers) or 'none'}" for name, numbers in left.items())
    shown = len(STATEMENTS) - len(NOT_APPLICABLE) - sum(map(len, left.values()))
    return f"""
Of {len(STATEMENTS)} statements {shown} are shown in full and {len(NOT_APPLICABLE)} do not apply. What is left, {said}.
"""


def unproved(proofs: Mapping[str, Sequence[str]], numbers: frozenset[str]) -> list[str]:
    """Those of `numbers`, in order, that no test shows in full and that do apply."""
    return [
        number
        for number in STATEMENTS
        if number in numbers - NOT_APPLICABLE.keys() and (number not in proofs or number in STILL_MISSING)
    ]


def _row(number: str, proofs: Mapping[str, Sequence[str]]) -> str:
    priority = "**must**" if number in MUST else "*should*" if number in SHOULD else ""
    return f"| {number} | {priority} | {STATEMENTS[number]} | {_state(number, proofs)} |\n"


def _state(number: str, proofs: Mapping[str, Sequence[str]]) -> str:
    if number in NOT_APPLICABLE:
        return f"not applicable: {NOT_APPLICABLE[number]}"
    files = proofs.get(number, ())
    if not files:
        return "**not yet**"
    links = ", ".join(f"[{path.removesuffix('.py')}](../tests/{path})" for path in files)
    return f"{links}; **still missing**: {STILL_MISSING[number]}" if number in STILL_MISSING else links
