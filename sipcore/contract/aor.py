"""Addresses-of-record: `user@domain`, the key of a subscriber and of its bindings (RFC 3261 §10)."""

from __future__ import annotations

__all__ = ["make_aor", "split_aor"]


def make_aor(user: str, domain: str) -> str:
    """Join user and domain. The domain is lower-cased; the user part is case-sensitive (§19.1.4) and kept."""
    return f"{user}@{domain.lower()}"


def split_aor(aor: str) -> tuple[str, str]:
    """Split into user and domain; the domain follows the last `@`."""
    user, _, domain = aor.rpartition("@")
    return user, domain
