"""The push gateway of Acrobits, for its Groundwire, Softphone and white-label apps: no SIPIS, no password given away.

https://doc.acrobits.net/sdk/pushes/sipisless.html: a POST with the verb NotifyIncomingCall to each app of the callee,
whose `Id` is the Call-ID of the INVITE to come, so that the app shows one call and not two. The app reports AppId,
DeviceToken and Selector by itself (pbx.push.reporter); here they are `param`, and `token` as "selector token".
"""

from __future__ import annotations

import json
from typing import Self

import httpx2
from django.conf import settings

from .base import PushProvider, PushResult, Recipient, Wakeup
from .exchange import Reply, post

__all__ = ["AcrobitsProvider"]

VERBS = {"call": "NotifyIncomingCall", "test": "NotifyIncomingCall", "message": "NotifyTextMessage"}
NOBODY = {"AppId": "org.example.check", "DeviceToken": "none", "Selector": "none"}


class AcrobitsProvider(PushProvider):
    """Posts to one gateway, which wants no credentials: who knows a token may use it."""

    name = "acrobits"

    def __init__(self, client: httpx2.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    @classmethod
    def from_settings(cls, client: httpx2.AsyncClient) -> Self | None:
        return cls(client, settings.ACROBITS_URL) if settings.ACROBITS_URL else None

    async def send(self, recipient: Recipient, wakeup: Wakeup) -> PushResult:
        if wakeup.kind not in VERBS:
            return PushResult.refused(self.name, Reply(), "no-such-push")
        selector, _, token = recipient.token.rpartition(" ")
        fields = wakeup.fields()
        push = {
            "verb": VERBS[wakeup.kind],
            "AppId": recipient.param,
            "DeviceToken": token,
            "Selector": selector,
            "Id": wakeup.call_id or wakeup.push_id,
            "UserName": wakeup.caller,
            "UserDisplayName": fields["display_name"] or wakeup.caller,
        }
        reply = await self._post(push, hide=(token, selector))
        status = _code(reply)
        if reply.is_success and 200 <= status < 300:
            return PushResult(reply.status, accepted=True, ms=reply.ms)
        judged = Reply(status, reply.text, reply.retry_after, reply.ms)
        return PushResult.refused(self.name, judged, _reason(reply))

    async def check(self) -> PushResult:
        """A push to nobody: the gateway has no credentials to refuse, so its answer is all there is to learn."""
        reply = await self._post({"verb": "NotifyIncomingCall", "Id": "check", **NOBODY})
        if reply.status == 0 or reply.status >= 500:
            return PushResult.refused(self.name, reply, _reason(reply))
        return PushResult(reply.status, accepted=True, ms=reply.ms)

    async def _post(self, push: dict[str, str], *, hide: tuple[str, ...] = ()) -> Reply:
        body = json.dumps(push, ensure_ascii=False).encode()
        return await post(self._client, self._url, body, {"Content-Type": "application/json"}, hide=hide)


def _code(reply: Reply) -> int:
    """The gateway's own code, which its JSON has beside a 2xx, else the HTTP status."""
    code = reply.json.get("code", reply.status)
    return code if isinstance(code, int) and 100 <= code < 600 else reply.status


def _reason(reply: Reply) -> str:
    return " ".join(str(reply.json.get("response") or reply.words).split())[:200]
