"""A REGISTER, read once: what it says of its phone, for judging it, for the answer, and for the push side."""

from __future__ import annotations

from collections.abc import Sequence

from sipcore.errors import RegisterRefused
from sipcore.syntax import Fields, Request, split_values

from .contacts import Contact, read_contacts
from .limits import MAX_USER_AGENT
from .push import is_promised

__all__ = ["Register"]

REMEMBERED = 8192
"Phones: one refreshes with the very headers that it sent last time, and reading them costs as much as all the rest."
MAX_REMEMBERED = 1024  # octets of one

_FIELDS = Fields("contact", "expires", "feature-caps", "path", "require", "supported", "user-agent")
_NONE: tuple[str, ...] = ()


class Register:
    """The headers that a registrar looks at. Contacts are read when asked for, which may refuse with 400."""

    __slots__ = ("_said", "call_id", "cseq")

    def __init__(self, request: Request) -> None:
        self.call_id = request.call_id
        self.cseq = request.cseq_number
        octets = _FIELDS.octets(request)
        self._said = (_remembered.get(octets) if octets is not None else None) or _read(request, octets)

    @property
    def values(self) -> Sequence[str]:
        """The Contact values as text."""
        return self._said.values

    @property
    def contacts(self) -> list[Contact]:
        """The contacts, of which there are none with `*`."""
        said = self._said
        if said.contacts is None:
            said.contacts = [] if self.is_star else read_contacts(said.values, may_push=not said.is_promised)
        return said.contacts

    @property
    def is_star(self) -> bool:
        """Whether Contact is `*`, which must stand alone (§10.2.2)."""
        values = self._said.values
        if "*" not in values:
            return False
        if len(values) > 1:
            raise RegisterRefused("Contact: * With Other Contacts", 400)
        return True

    @property
    def asked(self) -> int | None:
        """The Expires header, for contacts that do not say themselves; None without one that can be read."""
        return self._said.asked

    @property
    def path(self) -> tuple[str, ...]:
        """The Path values."""
        return self._said.path

    @property
    def user_agent(self) -> str:
        """What the phone calls itself, cut to what is kept of it."""
        return self._said.user_agent

    @property
    def has_push(self) -> bool:
        """Whether any contact carries pn-*; nearly always none does, and nothing more is read."""
        return self._said.has_push

    @property
    def is_promised(self) -> bool:
        """Whether a proxy on the way has promised to push (RFC 8599 §5.3)."""
        return self._said.is_promised

    def option_tags(self, name: str) -> Sequence[str]:
        """The values of Require or Supported."""
        return self._said.option_tags.get(name, _NONE)

    def is_removal(self, contact: Contact) -> bool:
        """Whether the contact is to go."""
        return (self._said.asked if contact.asked is None else contact.asked) == 0


class _Said:
    """What stays the same from one refresh of a phone to the next. Read only, for it is shared by all of them."""

    __slots__ = ("asked", "contacts", "has_push", "is_promised", "option_tags", "path", "user_agent", "values")

    def __init__(self, request: Request) -> None:
        fields = _FIELDS.read(request)
        self.values = _split(fields.get("contact", _NONE))
        self.contacts: list[Contact] | None = None
        self.asked = request.expires
        self.path = tuple(_split(fields.get("path", _NONE)))
        self.user_agent = fields.get("user-agent", ("",))[0][:MAX_USER_AGENT]
        self.has_push = any("pn-" in value.lower() for value in self.values)
        self.is_promised = is_promised(fields.get("feature-caps", _NONE))
        self.option_tags: dict[str, Sequence[str]] = {
            name: _split(fields[name]) for name in ("require", "supported") if name in fields
        }


_remembered: dict[tuple[tuple[bytes, bytes], ...], _Said] = {}


def _read(request: Request, octets: tuple[tuple[bytes, bytes], ...] | None) -> _Said:
    """Read it, and remember it unless it is long or holds a push token, which must not lie about in a cache."""
    said = _Said(request)
    if octets is not None and not said.has_push and sum(len(value) for _, value in octets) <= MAX_REMEMBERED:
        if len(_remembered) >= REMEMBERED:
            _remembered.clear()
        _remembered[octets] = said
    return said


def _split(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) == 1 and "," not in lines[0]:
        return lines
    return [value for line in lines for value in split_values(line)]
