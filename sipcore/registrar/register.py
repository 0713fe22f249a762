"""A REGISTER, read once: what it says of its phone, for judging it, for the answer, and for the push side."""

from __future__ import annotations

from collections.abc import Sequence

from sipcore.errors import RegisterRefused
from sipcore.syntax import Fields, Request, split_values

from .contacts import Contact, read_contacts
from .limits import MAX_USER_AGENT
from .push import is_promised

__all__ = ["Register"]

_FIELDS = Fields("contact", "expires", "feature-caps", "path", "require", "supported", "user-agent")
_NONE: tuple[str, ...] = ()


class Register:
    """The headers that a registrar looks at. Contacts are read when asked for, which may refuse with 400."""

    __slots__ = ("_contacts", "_fields", "asked", "call_id", "cseq", "is_promised", "path", "user_agent", "values")

    def __init__(self, request: Request) -> None:
        fields = self._fields = _FIELDS.read(request)
        get = fields.get
        self.call_id = request.call_id
        self.cseq = request.cseq_number
        self.values = _split(get("contact", _NONE))
        "The Contact values as text."
        self.asked = request.expires if "expires" in fields else None
        "The Expires header, for contacts that do not say themselves; None without one that can be read."
        self.path = tuple(_split(fields["path"])) if "path" in fields else _NONE
        agent = get("user-agent")
        self.user_agent = agent[0][:MAX_USER_AGENT] if agent else ""
        self.is_promised = "feature-caps" in fields and is_promised(fields["feature-caps"])
        "Whether a proxy on the way has promised to push (RFC 8599 §5.3)."
        self._contacts: list[Contact] | None = None

    @property
    def contacts(self) -> list[Contact]:
        """The contacts, of which there are none with `*`."""
        contacts = self._contacts
        if contacts is None:
            contacts = self._contacts = (
                [] if self.is_star else read_contacts(self.values, may_push=not self.is_promised)
            )
        return contacts

    @property
    def is_star(self) -> bool:
        """Whether Contact is `*`, which must stand alone (§10.2.2)."""
        if "*" not in self.values:
            return False
        if len(self.values) > 1:
            raise RegisterRefused("Contact: * With Other Contacts", 400)
        return True

    @property
    def has_push(self) -> bool:
        """Whether any contact carries pn-*; nearly always none does, and nothing more is read."""
        return any("pn-" in value or "pn-" in value.lower() for value in self.values)

    def option_tags(self, name: str) -> Sequence[str]:
        """The values of Require or Supported."""
        return _split(self._fields.get(name, _NONE))

    def is_removal(self, contact: Contact) -> bool:
        """Whether the contact is to go."""
        return (self.asked if contact.asked is None else contact.asked) == 0


def _split(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) == 1 and "," not in lines[0]:
        return lines
    return [value for line in lines for value in split_values(line)]
