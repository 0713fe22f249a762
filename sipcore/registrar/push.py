"""Push parameters of a Contact (RFC 8599): taken out before anything is stored, answered with Feature-Caps.

A token (`pn-prid`) wakes a phone, so whoever holds it can. It leaves this room once, in a `PushReport` for Postgres; what
is stored with the binding, and seen by other phones, is its hash. In the 200 a phone finds its own Contact as it sent
it, for many recognise themselves by it; everybody else's come without `pn-*`.

Providers. One that is configured is promised in Feature-Caps. One that is known to the product but not configured here is
registered without a promise, which is how RFC 8599 §4.1.2 tells a phone not to sleep; refusing it would lock out every
softphone that always offers push. Anything else is refused with 555, so that its author notices.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import unquote

from sipcore.contract.location import PushParameters

__all__ = ["KNOWN_PROVIDERS", "PushRequest", "PushReport", "feature_caps", "is_promised", "split_push"]

KNOWN_PROVIDERS = frozenset({"apns", "fcm", "webpush", "acrobits", "http"})
"IANA's three, and those of this product."

_PARAMETER = re.compile(r";pn-([^=;?]*)(?:=([^;?]*))?", re.IGNORECASE)
_PROMISE = re.compile(r"\+sip\.pns\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PushReport:
    """A token as a phone gave it, for LEARN_PUSH_DEVICE and for nothing else."""

    key: str
    "Of the binding that the phone made with it."
    provider: str
    param: str
    prid: str = field(repr=False)
    instance_id: str
    expires_at: float
    "When that binding expires, epoch seconds; 0 when it is not known."
    refreshes_itself: bool
    "Whether the phone offered +sip.pnsreg: it needs no push to refresh (RFC 8599 §4.1.3)."


@dataclass(frozen=True, slots=True)
class PushRequest:
    """The pn-* parameters of one Contact, unescaped."""

    provider: str
    "Lower case; empty in a query for all providers."
    param: str = ""
    prid: str = field(default="", repr=False)
    "Empty in a query: `what do you support?` (RFC 8599 §4.1.1)."

    @property
    def parameters(self) -> PushParameters:
        """What is kept with the binding."""
        digest = hashlib.sha256(self.prid.encode("utf-8", "surrogateescape")).hexdigest()
        return PushParameters(self.provider, self.param, digest[:16])


def split_push(uri: str) -> tuple[str, PushRequest | None]:
    """Take the pn-* parameters out of a Contact URI; the rest stays byte for byte.

    Text surgery rather than a parsed URI: parsed URIs are remembered, and a token must not be. Only URI parameters count,
    not what looks like one within a user part.
    """
    if ";pn-" not in uri and ";pn-" not in uri.lower():
        return uri, None
    userinfo, at, rest = uri.partition("@")
    if not at:
        userinfo, rest = "", uri
    given: dict[str, str] = {}
    for name, value in _PARAMETER.findall(rest):
        given.setdefault(name.lower(), unquote(value, errors="surrogateescape"))
    if not given:
        return uri, None
    stripped = userinfo + at + _PARAMETER.sub("", rest)
    if "provider" not in given:
        # RFC 8599 §6.1.2 knows no token without a provider; nothing to push through, but still nobody else's business.
        return stripped, None
    return stripped, PushRequest(given["provider"].lower(), given.get("param", ""), given.get("prid", ""))


def is_promised(feature_caps_values: Collection[str]) -> bool:
    """Whether a proxy between the phone and us has promised to push already; then nobody else may (RFC 8599 §5.3)."""
    return any(_PROMISE.search(value) for value in feature_caps_values)


def feature_caps(provider: str, *, pnsreg: int = 0, vapid: str = "", purr: str = "") -> str:
    """Write the promise for one provider (RFC 8599 §5.3; each has its own header line).

    `pnsreg` only when the phone offered +sip.pnsreg; `vapid`, the public key, only beside webpush; `purr`, for the dialogs
    of a phone that has given a token.
    """
    text = f'*;+sip.pns="{provider}"'
    if vapid and provider == "webpush":
        text += f';+sip.vapid="{vapid}"'
    if purr:
        text += f';+sip.pnspurr="{purr}"'
    if pnsreg:
        text += f';+sip.pnsreg="{pnsreg}"'
    return text
