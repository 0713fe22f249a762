"""A call that a phone makes, and what came of it so far."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from ..syntax import Response

if TYPE_CHECKING:
    from .phone import Phone

__all__ = ["Call"]

SDP = b"v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

_numbers = itertools.count(1)


class Call:
    """A call, from its INVITE on. Make it with `phone.call`.

    `authenticate` False takes the first challenge for the end; `headers` are lines for the INVITE.
    """

    def __init__(
        self, phone: Phone, target: str, *, authenticate: bool = True, headers: list[str] | None = None
    ) -> None:
        self.phone = phone
        self.target = target
        number = next(_numbers)
        self.call_id = f"invite-{number}"
        self.tag = f"c{number}"
        self.responses: list[Response] = []
        "Everything that was answered, challenges left out."
        self.ended_at = 0.0
        "When the final response came, on the clock of the world; 0 before."
        self.data = b""
        "The INVITE as last sent, for retransmission."
        self._headers = headers or []
        self._authenticate = authenticate
        self._cseq = 0
        self._via = ""
        self._done: asyncio.Future[Response] = phone.world.loop.create_future()
        self._task = phone.world.loop.create_task(self._run())

    @property
    def statuses(self) -> list[int]:
        """The status of each response, challenges left out."""
        return [response.status for response in self.responses]

    @property
    def status(self) -> int:
        """The latest status; 0 before there is one."""
        return self.responses[-1].status if self.responses else 0

    @property
    def is_over(self) -> bool:
        """Whether the final response has come."""
        return self._done.done()

    def final(self) -> Response:
        """Let time pass until the final response, and return it."""
        return self.phone.world.run(self._final())

    def cancel(self, reason: str = "") -> None:
        """Give up (RFC 3261 §9.1)."""
        phone = self.phone
        phone.send(
            [
                f"CANCEL {self.target} SIP/2.0",
                self._via,
                "Max-Forwards: 70",
                f"From: <sip:{phone.aor}>;tag={self.tag}",
                f"To: <{self.target}>",
                f"Call-ID: {self.call_id}",
                f"CSeq: {self._cseq} CANCEL",
                f"Reason: {reason}" if reason else "",
            ]
        )
        phone.world.advance(phone.world.moment)

    def repeat(self) -> None:
        """Send the INVITE again, byte for byte."""
        self.phone.world.to_server(self.data, self.phone.flow, self.phone.user)

    def hang_up(self) -> Response:
        """Send BYE on the answered call and return its response."""
        world = self.phone.world
        response = world.run(self._bye())
        world.advance(world.moment)
        return response

    def begin_hang_up(self) -> asyncio.Task[Response]:
        """Send BYE, and do not wait: the task has its response when it is `done()`."""
        return self.phone.world.loop.create_task(self._bye())

    async def _bye(self) -> Response:
        answer = next(r for r in reversed(self.responses) if 200 <= r.status < 300)
        self._in_dialog("BYE", answer)
        return await self.phone.final(self.call_id, self._cseq, "BYE")

    async def _final(self) -> Response:
        return await asyncio.shield(self._done)

    async def _run(self) -> None:
        credentials = ""
        while True:
            self._invite(credentials)
            queue = self.phone.responses(self.call_id, self._cseq, "INVITE")
            while (response := await queue.get()).status < 200:
                self.responses.append(response)
            if response.status == 407 and not credentials and self._authenticate:
                self._ack(response)
                credentials = self.phone.credentials(response, "INVITE", self.target)
                continue
            self.responses.append(response)
            self.ended_at = self.phone.world.now
            self._done.set_result(response)
            self._ack(response)
            while True:  # a further final is a fault of the server; a repeated one is acknowledged
                again = await queue.get()
                self.responses.append(again)
                self._ack(again)

    def _invite(self, credentials: str) -> None:
        phone = self.phone
        self._cseq += 1
        self._via = phone.via()
        self.data = phone.send(
            [
                f"INVITE {self.target} SIP/2.0",
                self._via,
                "Max-Forwards: 70",
                f'From: "Phone {phone.user}" <sip:{phone.aor}>;tag={self.tag}',
                f"To: <{self.target}>",
                f"Call-ID: {self.call_id}",
                f"CSeq: {self._cseq} INVITE",
                f"Contact: <{phone.contact}{phone.dialog_params}>",
                *self._headers,
                credentials,
                "Content-Type: application/sdp",
            ],
            SDP,
        )

    def _ack(self, response: Response) -> None:
        if response.status >= 300:
            self._in_dialog("ACK", response, target=self.target, via=self._via, routes=[])
        else:
            self._in_dialog("ACK", response)

    def _in_dialog(
        self, method: str, response: Response, *, target: str = "", via: str = "", routes: list[str] | None = None
    ) -> None:
        phone = self.phone
        if routes is None:
            routes = [f"Route: {value}" for value in reversed(response.values("record-route"))]
        if method != "ACK":
            self._cseq += 1
        phone.send(
            [
                f"{method} {target or response.contacts[0].uri_text} SIP/2.0",
                via or phone.via(),
                *routes,
                "Max-Forwards: 70",
                f"From: <sip:{phone.aor}>;tag={self.tag}",
                f"To: {response.header('to')}",
                f"Call-ID: {self.call_id}",
                f"CSeq: {self._cseq} {method}",
            ]
        )
