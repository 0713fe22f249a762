"""Who asks: digest authentication of a request, with the challenge where one is due (RFC 3261 §22)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

from ..auth import NonceCounts, Nonces, RecentFailures, authenticate, challenges, find_credentials, offered_to
from ..contract.aor import make_aor, split_aor
from ..contract.directory import SubscriberRecord
from ..contract.events import E_AUTH_FAILURE, E_AUTH_OK

if TYPE_CHECKING:
    from .environment import Environment
    from .request import RequestContext

__all__ = ["Authentication"]


class Authentication:
    """Challenges requests and checks what comes back. Nothing is stored for a challenge that is never answered."""

    def __init__(self, environment: Environment, secret: bytes) -> None:
        self._environment = environment
        self._realm = environment.settings.realm
        self._nonces = Nonces(secret, new_token=environment.new_token)
        self._counts = NonceCounts()
        self._failures = RecentFailures()
        networks = [ipaddress.ip_network(text) for text in environment.settings.trusted_sources]
        self._is_trusted = lru_cache(4096)(lambda host: _inside(host, networks)) if networks else None

    async def __call__(self, context: RequestContext) -> SubscriberRecord | None:
        """Return who asks, or None when the request has been answered: challenged or refused.

        A subscriber who proves his password but calls or registers under another name gets 403; so does a stranger
        who asks for a domain that is not served here. An unknown user is challenged like a known one.
        """
        request = context.request
        claimed = context.to_aor if request.method == "REGISTER" else context.from_aor
        if self._is_trusted is not None and self._is_trusted(context.flow.host):
            return await self._environment.directory.subscriber(claimed or "") or _trusted(context, claimed)

        is_register = request.method == "REGISTER"
        values = request.headers("authorization" if is_register else "proxy-authorization")
        credentials = find_credentials(values, self._realm) if values else None
        if credentials is None:
            if claimed is None and context.request_domain is None:
                context.reply(403, "Relaying denied")
                return None
            self._challenge(context)
            return None
        domain = split_aor(claimed)[1] if claimed else self._realm
        subscriber = await self._environment.directory.subscriber(make_aor(credentials.username, domain))
        decision = authenticate(
            request,
            subscriber.ha1 if subscriber else None,
            realm=self._realm,
            nonces=self._nonces,
            counts=self._counts,
            epoch=self._environment.epoch(),
            credentials=credentials,
        )
        if subscriber is None or not decision.is_ok:
            if decision.outcome == "wrong":
                self._failed(context, credentials.username, decision.reason)
            self._challenge(context, stale=decision.outcome == "stale")
            return None
        if not subscriber.enabled:
            context.reply(403, "Suspended")
            return None
        if subscriber.aor != claimed:
            self._failed(context, credentials.username, "other-user")
            context.reply(403, "As yourself only")
            return None
        if self._environment.routing.wants(E_AUTH_OK):
            self._succeeded(context, subscriber)
        return subscriber

    def _challenge(self, context: RequestContext, *, stale: bool = False) -> None:
        nonce = self._nonces.issue(self._environment.epoch())
        is_register = context.request.method == "REGISTER"
        status, name = (401, "WWW-Authenticate") if is_register else (407, "Proxy-Authenticate")
        algorithms = offered_to(context.request.header("user-agent") or "")
        values = challenges(self._realm, nonce, stale=stale, algorithms=algorithms)
        context.reply(status, headers=[(name, value) for value in values])

    def _failed(self, context: RequestContext, user: str, reason: str) -> None:
        flow, request = context.flow, context.request
        attributes = {
            "user": user[:64],
            "realm": self._realm,
            "src_ip": flow.host,
            "src_port": flow.port,
            "method": request.method,
            "reason": reason,
            "ua": (request.header("user-agent") or "")[:128],
            "count_1m": self._failures.count(flow.host, self._environment.monotonic()),
        }
        handle = context.handle
        self._environment.routing.raise_event(E_AUTH_FAILURE, attributes, call_uid=handle.call_uid, cause_id=handle.id)

    def _succeeded(self, context: RequestContext, subscriber: SubscriberRecord) -> None:
        attributes = {
            "user": subscriber.username,
            "src_ip": context.flow.host,
            "method": context.method,
            "ua": (context.request.header("user-agent") or "")[:128],
        }
        handle = context.handle
        self._environment.routing.tell(E_AUTH_OK, attributes, call_uid=handle.call_uid, cause_id=handle.id)


def _inside(host: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _trusted(context: RequestContext, claimed: str | None) -> SubscriberRecord:
    """Somebody that a trusted source speaks for and the directory does not know: may call, may pick nothing up."""
    uri = context.request.from_.uri
    return SubscriberRecord(
        aor=claimed or uri.aor, username=uri.user or "", realm="", ha1={}, display_name=context.from_name
    )
