"""`python -m tests.acceptance`: write docs/acceptance.md anew, and say what is not proved."""

from __future__ import annotations

from .markers import proofs
from .statements import MUST, SHOULD, STATEMENTS
from .table import PAGE, page, unproved


def main() -> None:
    """Write the page and print what is left to do."""
    found = proofs()
    PAGE.write_text(page(found), encoding="utf-8")
    for title, numbers in (("must", MUST), ("should", SHOULD), ("later", frozenset(STATEMENTS) - MUST - SHOULD)):
        print(f"{title}, not shown in full: {' '.join(unproved(found, numbers)) or 'none'}")


if __name__ == "__main__":
    main()
