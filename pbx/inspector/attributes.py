"""The attributes of an event that somebody makes up, checked against its declaration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from sipcore.contract.events import CATALOGUE

__all__ = ["BadAttributes", "checked", "from_texts"]

WRONG = {
    str: gettext_lazy("This is text."),
    int: gettext_lazy("This is a whole number."),
    float: gettext_lazy("This is a number."),
    bool: gettext_lazy("This is true or false."),
    list: gettext_lazy("This is a list."),
    dict: gettext_lazy("This is an object."),
}
"What to say of a value of another type."


class BadAttributes(ValueError):
    """Attributes that this event cannot have; `fields` has a sentence for each."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {sentence}" for name, sentence in fields.items()))
        self.fields = fields


def checked(event: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of the declared types; some may be missing. Raises BadAttributes.

    An event that only a routing script declares is not known here, and its attributes are taken as they are.
    """
    if event not in CATALOGUE:
        return dict(attributes)
    declared, wrong = CATALOGUE[event].attributes, {}
    for name, value in attributes.items():
        kind = declared.get(name)
        if kind is None:
            wrong[name[:64]] = gettext("This event has no such attribute.")
        elif not _is(kind, value):
            wrong[name] = str(WRONG[kind])
    if wrong:
        raise BadAttributes(wrong)
    return dict(attributes)


def from_texts(event: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Attributes as they are typed into a form; an empty field is one that the event lacks. Raises BadAttributes."""
    if event not in CATALOGUE:
        return {}
    declared, found, wrong = CATALOGUE[event].attributes, {}, {}
    for name, text in texts.items():
        if text == "" or name not in declared:
            continue
        kind = declared[name]
        try:
            value = text if kind is str else json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if kind is list and not isinstance(value, list):
            value = [part.strip() for part in text.split(",")]
        if _is(kind, value):
            found[name] = value
        else:
            wrong[name] = str(WRONG[kind])
    if wrong:
        raise BadAttributes(wrong)
    return found


def _is(kind: type, value: Any) -> bool:
    if kind is float and type(value) is int:
        return True
    return type(value) is kind
