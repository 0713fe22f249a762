"""Firebase Cloud Messaging, HTTP v1: Android apps, and what else Firebase reaches.

https://firebase.google.com/docs/cloud-messaging/send/v1-api. The sign-in is the JWT bearer grant of RFC 7523 with the
service account's key; the access token that it gives is used for about an hour.

The message is data only. With a `notification` block Android would show it by itself while the app sleeps on, and the
call would not come.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx2
import jwt
from django.conf import settings

from ..answers.fcm import BAD_TOKEN
from ..bearer import FetchedToken, Grant
from ..credentials import ServiceAccount, fcm_account
from .base import PushProvider, PushResult, Recipient, Wakeup
from .exchange import Reply, post

__all__ = ["FcmProvider"]

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 3600
THROTTLED_SECONDS = 60.0  # that Google asks to be left alone where it names no time (its guide on 429)


class NoAccessToken(Exception):
    """The sign-in failed; `result` says how."""

    def __init__(self, result: PushResult) -> None:
        super().__init__(result.reason)
        self.result = result


class FcmProvider(PushProvider):
    """Sends for one project, as one service account."""

    name = "fcm"

    def __init__(self, client: httpx2.AsyncClient, account: ServiceAccount, url: str) -> None:
        self._client = client
        self._account = account
        self._url = f"{url.rstrip('/')}/v1/projects/{quote(account.project, safe='')}/messages:send"
        self._access = FetchedToken(self._sign_in)

    @classmethod
    def from_settings(cls, client: httpx2.AsyncClient) -> Self | None:
        account = fcm_account(settings.FCM_CREDENTIALS)
        return cls(client, account, settings.FCM_URL) if account else None

    async def send(self, recipient: Recipient, wakeup: Wakeup) -> PushResult:
        ttl = max(0, math.ceil(wakeup.deadline - time.time()))
        android = {"priority": "HIGH", "ttl": f"{ttl}s"}
        message = {"token": recipient.token, "data": wakeup.fields(), "android": android}
        return await self._send({"message": message}, hide=recipient.token)

    async def check(self) -> PushResult:
        """A dry run to a topic: Google checks the sign-in, the API and the role, and sends nothing."""
        return await self._send({"validate_only": True, "message": {"topic": "pbx-check", "data": {"type": "check"}}})

    async def warm_up(self) -> None:
        with suppress(NoAccessToken):  # the first push, or a test of the credentials, says so
            await self._access.get()

    async def _send(self, message: dict[str, Any], *, hide: str = "") -> PushResult:
        body = json.dumps(message, ensure_ascii=False).encode()
        for again in (False, True):
            try:
                token = await self._access.get()
            except NoAccessToken as error:
                return error.result
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
            reply = await post(self._client, self._url, body, headers, hide=(hide, token))
            if reply.is_success:
                return PushResult(reply.status, accepted=True, ms=reply.ms)
            if reply.status != 401 or _code(reply) == "THIRD_PARTY_AUTH_ERROR" or again:
                break
            self._access.forget(token)  # withdrawn, or a server forgot it: a new one is had at once
        pause = THROTTLED_SECONDS if reply.status == 429 else 0.0
        return PushResult.refused(self.name, reply, _code(reply) or reply.words, retry_after=pause)

    async def _sign_in(self) -> Grant:
        account, now = self._account, int(time.time())
        claims = {"iss": account.email, "scope": SCOPE, "aud": account.token_uri, "iat": now}
        claims["exp"] = now + ASSERTION_SECONDS
        assertion = jwt.encode(claims, account.key, algorithm="RS256", headers={"kid": account.key_id})
        form = urlencode({"grant_type": GRANT_TYPE, "assertion": assertion}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await post(self._client, account.token_uri, form, headers, hide=(assertion,))
        answer = reply.json
        if reply.is_success and isinstance(answer.get("access_token"), str):
            return Grant(answer["access_token"], _seconds(answer.get("expires_in")))
        code = answer.get("error")
        reason = f"{code}: {answer.get('error_description', '')}" if isinstance(code, str) else reply.words
        raise NoAccessToken(PushResult.refused(self.name, reply, reason.rstrip(": ")))


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < 1e6 else float(ASSERTION_SECONDS)


def _code(reply: Reply) -> str:
    """Firebase's own code where there is one, else Google's status; with the message where that tells more."""
    error = reply.json.get("error")
    if not isinstance(error, dict):
        return ""
    status = str(error.get("status", ""))
    details = [detail for detail in error.get("details") or () if isinstance(detail, dict)]
    code = next((str(detail["errorCode"]) for detail in details if detail.get("errorCode")), status)
    if code != "INVALID_ARGUMENT":
        return code
    message = str(error.get("message", ""))
    fields = [violation.get("field") for detail in details for violation in detail.get("fieldViolations") or ()]
    if "message.token" in fields or "registration token" in message:
        return BAD_TOKEN
    return f"{code}: {message}"[:200]
