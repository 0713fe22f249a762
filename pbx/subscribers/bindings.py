"""The phones that are registered right now, as the workers have stored them; read here, written there."""

from __future__ import annotations

import time
from collections.abc import Collection

from pbx.store import store
from sipcore.contract import keys
from sipcore.contract.location import Binding
from sipcore.contract.records import from_json

__all__ = ["live_bindings"]

REVISION = "rev"  # the one field of the hash that is no binding


def live_bindings(aors: Collection[str]) -> dict[str, list[Binding]]:
    """Bindings that have not expired, newest first, of each of these AoRs. Raises StoreError when Redis is away."""
    pipeline = store().pipeline(transaction=False)
    for aor in aors:
        pipeline.hgetall(keys.bindings(aor))
    now = time.time()
    live = {}
    for aor, stored in zip(aors, pipeline.execute(), strict=True):
        bindings = [from_json(Binding, text) for field, text in stored.items() if field != REVISION]
        bindings = [binding for binding in bindings if binding.expires_at > now]
        live[aor] = sorted(bindings, key=lambda binding: binding.refreshed_at, reverse=True)
    return live
