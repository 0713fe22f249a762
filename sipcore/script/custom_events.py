"""Events that a routing script declares: in force when the script has been loaded, and not before.

    E_DOOR_OPENED = declare_event("E_DOOR_OPENED", index=("door",), door=str, by=str)

A script that is refused leaves the catalogue as it was. A name that a new script does not declare any more stays known, for
requests under way may still raise it; one that it declares otherwise takes its new form at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from ..contract.events import CATALOGUE, ENVELOPE, OURS, EventType
from ..ebr.filters import forget_schemas
from ..errors import InvalidWord, ScriptError

__all__ = ["MAX_DECLARED", "declarations", "declare_event", "declared_for_a_while"]

MAX_DECLARED = 200  # events of a script
MAX_ATTRIBUTES = 64  # of one event

_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_TYPES = (str, int, float, bool, list, dict)
_TAKEN = frozenset({"id", "name", "ts", "depth", "cursor", "attributes", *ENVELOPE})

_staged: ContextVar[dict[str, EventType] | None] = ContextVar("declared_events", default=None)


def declare_event(name: str, /, *, index: tuple[str, ...] = (), shown: bool = True, **attributes: type) -> str:
    """Declare an event of this script and return its name; for the top of a script, not for its routes.

    Attributes are str, int, float, bool, list or dict. `index` names those that subscriptions will be looked up by, when
    they ask for one value; `shown` False keeps the event off the pages, and makes it cost nothing while nobody waits for
    it. Raises ScriptError for a name of our own, and for what is no such declaration.
    """
    staged = _staged.get()
    if staged is None:
        raise InvalidWord("declare_event belongs to the top of the script: events are declared while it is loaded")
    if not _NAME.fullmatch(name):
        raise ScriptError(f"{name!r}: an event has a name in capitals, digits and _, at most 64 of them")
    if name in OURS:
        raise ScriptError(f"{name} is an event of this product; give yours another name")
    if len(staged) >= MAX_DECLARED or len(attributes) > MAX_ATTRIBUTES:
        raise ScriptError(f"{name}: at most {MAX_DECLARED} events with {MAX_ATTRIBUTES} attributes each")
    for key, kind in attributes.items():
        if kind not in _TYPES:
            raise ScriptError(
                f"{name}: {key} is {kind!r}; attributes are {', '.join(each.__name__ for each in _TYPES)}"
            )
        if key in _TAKEN:
            raise ScriptError(f"{name}: every event has {key} already")
    for key in index:
        if attributes.get(key) not in (str, int):
            raise ScriptError(f"{name}: {key} cannot be an index; that is an attribute that is str or int")
    declared = EventType(name, attributes, tuple(index), shown)
    if staged.setdefault(name, declared) != declared:
        raise ScriptError(f"{name} is declared twice, with other attributes")
    CATALOGUE[name] = declared
    forget_schemas()
    return name


@contextmanager
def declarations() -> Iterator[None]:
    """While a script is loaded: what it declares is known at once, and forgotten again when it is refused."""
    before = {name: declared for name, declared in CATALOGUE.items() if name not in OURS}
    token = _staged.set({})
    try:
        yield
        _keep_indexes(before)
    except BaseException:
        _restore(before)
        raise
    finally:
        _staged.reset(token)
        forget_schemas()


@contextmanager
def declared_for_a_while() -> Iterator[None]:
    """What scripts declare in here is forgotten at the end: for tests, which load many scripts in one process."""
    before = {name: declared for name, declared in CATALOGUE.items() if name not in OURS}
    try:
        yield
    finally:
        _restore(before)
        forget_schemas()


def _restore(declared: Mapping[str, EventType]) -> None:
    for name in CATALOGUE.keys() - OURS:
        del CATALOGUE[name]
    CATALOGUE.update(declared)


def _keep_indexes(before: dict[str, EventType]) -> None:
    """Subscriptions that live are found by the index they were made with, so an old one is not given up."""
    for name, old in before.items():
        new = CATALOGUE[name]
        kept = tuple(key for key in old.index if key not in new.index and new.attributes.get(key) in (str, int))
        if kept:
            CATALOGUE[name] = EventType(name, new.attributes, (*new.index, *kept), new.shown)
