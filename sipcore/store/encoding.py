"""Events as people read them."""

from __future__ import annotations

from functools import cache

from ..contract.events import CATALOGUE, Event
from ..contract.records import replace, to_json

__all__ = ["encode_event"]


def encode_event(event: Event) -> bytes:
    """An Event as JSON, without those attributes that are records themselves: nobody reads them."""
    if _is_structured(event.name):
        plain = {key: value for key, value in event.attributes.items() if type(value) is not dict}
        return to_json(replace(event, attributes=plain))
    return to_json(event)


@cache
def _is_structured(name: str) -> bool:
    """Whether such an event may carry records; none that is not declared is ever raised."""
    return dict in CATALOGUE[name].attributes.values()
