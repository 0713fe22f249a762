"""The Contact values of a REGISTER, read (RFC 3261 §10.2, RFC 3840, RFC 5626 §4.2, RFC 8599)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sipcore.contract.location import PushParameters
from sipcore.errors import RegisterRefused
from sipcore.syntax import Address, parse_address

from .limits import MAX_INSTANCE_ID, Limits
from .push import KNOWN_PROVIDERS, PushRequest, split_push

__all__ = ["Contact", "grant", "is_promise", "read_contacts"]


class Contact:
    """One Contact of a REGISTER. Read only: it is shared by all REGISTERs with the same headers."""

    __slots__ = (
        "asked",
        "contact",
        "instance_id",
        "key",
        "methods",
        "offers_pnsreg",
        "push",
        "push_request",
        "q",
        "reg_id",
        "sent",
    )

    def __init__(self, address: Address, *, may_push: bool = True) -> None:
        uri = address.uri_text
        if uri[:4].lower() != "sip:" and uri[:5].lower() != "sips:":
            raise RegisterRefused("Contact Is No SIP URI", 400)
        parameters = address.parameters
        self.sent = uri
        self.contact, self.push_request = split_push(uri)
        "The URI less its pn-* parameters, and what these said: a token, or a query."
        self.push = _kept(self.push_request) if may_push else None
        "What of it is kept with the binding."
        self.instance_id = _instance_id(parameters.get("+sip.instance"))
        self.reg_id = (_number(parameters.get("reg-id")) or 0) if self.instance_id else 0
        self.q = _q(parameters.get("q"))
        methods = parameters.get("methods")
        self.methods = tuple(name.strip() for name in methods.split(",")) if methods else ()
        self.offers_pnsreg = "+sip.pnsreg" in parameters
        self.asked: int | None = None
        "Its expires parameter; None without one. A malformed one counts as 3600 (RFC 3261 §20.10)."
        if "expires" in parameters:
            seconds = _number(parameters["expires"])
            self.asked = 3600 if seconds is None else seconds
        self.key = self._key()
        "Which phone this is, as far as the contact can tell; see `matching.py`."

    def _key(self) -> str:
        if self.instance_id:
            return f"{self.instance_id};reg-id={self.reg_id}" if self.reg_id else self.instance_id
        if self.push is not None:
            return f"push:{self.push.provider}:{self.push.param}:{self.push.prid_hash}"
        return self.contact

    @property
    def is_known_by_uri(self) -> bool:
        """Whether nothing but its URI says which phone this is."""
        return not self.instance_id and self.push is None


def read_contacts(values: Sequence[str], *, may_push: bool = True) -> list[Contact]:
    """Read all contacts. Refuses with 400 what cannot be registered at all."""
    return [Contact(parse_address(value), may_push=may_push) for value in values]


def grant(contacts: Sequence[Contact], asked: int | None, limits: Limits, push_providers: Collection[str]) -> list[int]:
    """Settle the seconds of each contact, 0 to remove it; or refuse them all with 400, 423, 503 or 555.

    `asked` is the Expires header, for contacts that do not say themselves.
    """
    if len(contacts) == 1:
        return [_granted(contacts[0], asked, limits, push_providers)]
    granted = [_granted(contact, asked, limits, push_providers) for contact in contacts]
    if len(granted) > 1:
        kept = sum(seconds > 0 for seconds in granted)
        if kept > 1 and any(contact.reg_id and seconds for contact, seconds in zip(contacts, granted, strict=True)):
            # RFC 5626 §6: one flow cannot be two.
            raise RegisterRefused("reg-id With Several Contacts", 400)
        if kept > limits.max_bindings:
            raise RegisterRefused("Too Many Contacts", 503)
    return granted


def is_promise(contact: Contact, push_providers: Collection[str]) -> bool:
    """Whether the answer promises to wake this phone: it gave a token, and its provider is configured."""
    return contact.push is not None and contact.push.provider in push_providers


def _granted(contact: Contact, asked: int | None, limits: Limits, push_providers: Collection[str]) -> int:
    push = contact.push_request
    # RFC 8599 §5.2: 555 is for the element that knows nobody else will do it, which a registrar is.
    if (
        push is not None
        and push.provider
        and push.provider not in KNOWN_PROVIDERS
        and push.provider not in push_providers
    ):
        raise RegisterRefused("Push Notification Service Not Supported", 555)
    # §10.3 step 7: the parameter, else the header, else our default.
    seconds = contact.asked
    if seconds is None:
        seconds = limits.default_expires if asked is None else asked
    minimum, maximum = limits.min_expires, limits.max_expires
    if push is not None and is_promise(contact, push_providers):
        maximum = limits.push_max_expires
        if not contact.offers_pnsreg:
            minimum = max(minimum, limits.push_min_expires)
    # §10.3 step 7 allows the refusal only for less than an hour, whatever the minimum.
    if 0 < seconds < minimum and seconds < 3600:
        raise RegisterRefused("Interval Too Brief", 423, [("Min-Expires", str(minimum))])
    return min(seconds, maximum)


def _kept(push: PushRequest | None) -> PushParameters | None:
    return push.parameters if push is not None and push.provider and push.prid else None


def _instance_id(value: str | None) -> str:
    """Take the brackets off. UUIDs compare without case (RFC 4122 §3)."""
    if not value:
        return ""
    if len(value) > MAX_INSTANCE_ID:
        raise RegisterRefused("Instance Id Too Long", 400)
    value = value.strip("<>")
    return value.lower() if value[:9].lower() == "urn:uuid:" else value


def _number(text: str | None) -> int | None:
    return min(int(text[:10]), 2**31) if text and text.isdigit() and text.isascii() else None


def _q(text: str | None) -> float:
    """A preference that cannot be read is none: the phone rings like any other."""
    if text is None:
        return 1.0
    try:
        q = float(text)
    except ValueError:
        return 1.0
    return q if 0.0 <= q <= 1.0 else 1.0
