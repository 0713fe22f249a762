"""Bindings that go without a REGISTER: expired, over a connection that closed, removed by an administrator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sipcore.contract.location import Binding, BindingChanges

__all__ = ["drop_connection", "expire", "remove"]


def expire(aor: str, current: Sequence[Binding], epoch: float) -> BindingChanges:
    """Remove those whose time has passed."""
    return _without(aor, current, lambda binding: binding.expires_at <= epoch, "expired")


def drop_connection(aor: str, current: Sequence[Binding], connection: str, *, worker: str = "") -> BindingChanges:
    """Remove those that were reached over a connection that has closed (RFC 5626 §5.3: a flow that failed).

    `worker` restricts it to the bindings of the worker that names its connections so; empty: connection names are unique.
    """
    return _without(
        aor,
        current,
        lambda binding: bool(connection) and binding.connection == connection and worker in ("", binding.worker),
        "flow-lost",
    )


def remove(aor: str, current: Sequence[Binding], key: str) -> BindingChanges:
    """Remove one, by its key, for an administrator."""
    return _without(aor, current, lambda binding: binding.key == key, "admin")


def _without(aor: str, current: Sequence[Binding], goes: Callable[[Binding], bool], reason: str) -> BindingChanges:
    kept: list[Binding] = []
    removed: list[Binding] = []
    for binding in current:
        (removed if goes(binding) else kept).append(binding)
    return BindingChanges(aor, tuple(kept), removed=tuple(removed), removed_reason=reason)
