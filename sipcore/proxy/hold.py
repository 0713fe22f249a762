"""The hold: what keeps a request open while nothing rings (`wait_for_new_branches`).

In OpenSIPS this is a branch that leads nowhere, the "phony" one, and has been counted, listed, cancelled and picked as
the best response by mistake (#2891, #1237, #1811). Here it is no branch.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Hold"]


@dataclass(slots=True)
class Hold:
    """An open hold; once closed it is thrown away."""

    deadline: float
    branches: int | None = None
    "How many injected branches it waits for; None: any number."
    added: int = 0

    @property
    def is_full(self) -> bool:
        """Whether all branches it waited for have come."""
        return self.branches is not None and self.added >= self.branches
