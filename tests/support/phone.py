"""A phone that speaks just enough SIP, and remembers what it was told.

It has no transaction layer: it sends once, unless told to repeat, and answers everything that it gets. What a test
wants to know is what the server did, in full.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import TYPE_CHECKING

from sipcore.contract.flow import Flow
from sipcore.syntax import Request, Response, make_response, parse_challenge_like, parse_message

if TYPE_CHECKING:
    from .world import World

__all__ = ["DOMAIN", "Call", "Phone"]

DOMAIN = "pbx.example"
SDP = b"v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

_numbers = itertools.count(1)


class Phone:
    """One device of one subscriber."""

    def __init__(self, world: World, user: str, flow: Flow, *, instance: str = "", domain: str = DOMAIN) -> None:
        self.world = world
        self.user = user
        self.domain = domain
        self.flow = flow
        self.instance = instance
        self.uri_params = ""
        "Parameters of the Contact URI when it registers, such as `;pn-provider=http`."
        self.reacts = True
        "False: it gets messages and does not answer, like a phone asleep."
        self.rings_after: float | None = 0.05
        self.answers_after: float | None = None
        self.declines_with = 0
        "A status to answer INVITEs with instead of ringing."
        self.inbox: list[Request | Response] = []
        "Everything it was sent, in order."
        self.invites: list[Request] = []
        "The INVITEs that reached it, retransmissions not counted."
        self.cancels: list[Request] = []
        self.acks: list[Request] = []
        self.byes: list[Request] = []
        self._pending: dict[str, Request] = {}
        self._answered: dict[str, Response] = {}
        self._waiting: dict[tuple[str, int, str], asyncio.Queue[Response]] = {}
        self._cseq = 0

    @property
    def contact(self) -> str:
        """Its Contact URI."""
        return f"sip:{self.user}@{self.flow.host}:{self.flow.port}"

    @property
    def aor(self) -> str:
        """The subscriber it belongs to."""
        return f"{self.user}@{self.domain}"

    # Sending.

    def send(self, lines: list[str], body: bytes = b"") -> bytes:
        """Put a message on the wire, completed with its Content-Length; return its bytes."""
        data = "\r\n".join([*filter(None, lines), f"Content-Length: {len(body)}", "", ""]).encode() + body
        self.world.to_server(data, self.flow)
        return data

    def via(self) -> str:
        """A Via line with a branch of its own."""
        return f"Via: SIP/2.0/{self.flow.transport.upper()} {self.flow.host}:{self.flow.port};branch=z9hG4bK{self.user}-{next(_numbers)};rport"

    async def request(
        self,
        method: str,
        target: str,
        *,
        from_user: str = "",
        to: str = "",
        call_id: str = "",
        contact: str = "",
        headers: list[str] | None = None,
        password: str | None = None,
        authenticate: bool = True,
    ) -> Response:
        """Send a request other than INVITE, with credentials once it is challenged, and return the final response."""
        call_id = call_id or f"call-{next(_numbers)}"
        tag, credentials = f"t{next(_numbers)}", ""
        while True:
            self._cseq += 1
            self.send(
                [
                    f"{method} {target} SIP/2.0",
                    self.via(),
                    "Max-Forwards: 70",
                    f"From: <sip:{from_user or self.user}@{self.domain}>;tag={tag}",
                    f"To: <{to or target}>",
                    f"Call-ID: {call_id}",
                    f"CSeq: {self._cseq} {method}",
                    f"Contact: {contact or f'<{self.contact}>'}",
                    *(headers or []),
                    credentials,
                ]
            )
            response = await self.final(call_id, self._cseq, method)
            if response.status not in (401, 407) or credentials or not authenticate:
                return response
            credentials = self.credentials(response, method, target, password)

    async def register(self, expires: int = 600, **options: object) -> Response:
        """Register its contact; `expires` 0 removes it."""
        instance = f';+sip.instance="<{self.instance}>"' if self.instance else ""
        contact = f"<{self.contact}{self.uri_params}>{instance};expires={expires}"
        to, call_id = f"sip:{self.aor}", f"reg-{self.flow.host}"
        return await self.request("REGISTER", f"sip:{self.domain}", to=to, call_id=call_id, contact=contact, **options)

    def credentials(self, challenge: Response, method: str, uri: str, password: str | None = None) -> str:
        """The header line that answers a challenge, by the MD5 one of those offered."""
        name = "www-authenticate" if challenge.status == 401 else "proxy-authenticate"
        offers = [parse_challenge_like(value)[1] for value in challenge.headers(name)]
        offer = next(o for o in offers if o.get("algorithm", "MD5").upper() == "MD5")
        first = _md5(self.user, offer["realm"], f"pw-{self.user}" if password is None else password)
        answer = _md5(first, offer["nonce"], "00000001", "abcd", "auth", _md5(method, uri))
        header = "Authorization" if challenge.status == 401 else "Proxy-Authorization"
        return (
            f'{header}: Digest username="{self.user}", realm="{offer["realm"]}", nonce="{offer["nonce"]}", '
            f'uri="{uri}", response="{answer}", algorithm=MD5, qop=auth, nc=00000001, cnonce="abcd"'
        )

    def call(self, dialled: str, **options: object) -> Call:
        """Start a call."""
        return Call(self, f"sip:{dialled}@{self.domain}", **options)

    async def final(self, call_id: str, cseq: int, method: str) -> Response:
        """The next final response to that request."""
        queue = self.responses(call_id, cseq, method)
        while True:
            response = await queue.get()
            if response.status >= 200:
                return response

    def responses(self, call_id: str, cseq: int, method: str) -> asyncio.Queue[Response]:
        """Where responses to that request arrive."""
        return self._waiting.setdefault((call_id, cseq, method), asyncio.Queue())

    # Receiving.

    def receive(self, data: bytes) -> None:
        """Take in one datagram from the server."""
        message = parse_message(data)
        self.inbox.append(message)
        if isinstance(message, Response):
            key = (message.call_id, message.cseq_number, message.cseq_method)
            if key in self._waiting:
                self._waiting[key].put_nowait(message)
        elif self.reacts:
            self._react(message)
        elif message.method == "INVITE" and not self._seen(message):
            self.invites.append(message)

    def _seen(self, invite: Request) -> bool:
        return any(known.top_via.branch == invite.top_via.branch for known in self.invites)

    def _react(self, request: Request) -> None:
        if request.method == "INVITE":
            if not self._seen(request):
                self.invites.append(request)
                self._ring(request)
        elif request.method == "CANCEL":
            self.cancels.append(request)
            self.answer(request, 200)
            invite = self._pending.pop(request.top_via.branch, None)
            if invite is not None:
                self.answer(invite, 487)
        elif request.method == "ACK":
            self.acks.append(request)
        else:
            if request.method == "BYE":
                self.byes.append(request)
            self.answer(request, 200)

    def _ring(self, invite: Request) -> None:
        if self.declines_with:
            self.answer(invite, self.declines_with)
            return
        self._pending[invite.top_via.branch] = invite
        later = self.world.loop.call_later
        if self.rings_after is not None:
            later(self.rings_after, self._while_pending, invite, 180)
        if self.answers_after is not None:
            later(self.answers_after, self._while_pending, invite, 200)

    def _while_pending(self, invite: Request, status: int) -> None:
        if invite.top_via.branch in self._pending:
            self.answer(invite, status)

    def pick_up(self) -> None:
        """Answer whatever rings."""
        for invite in list(self._pending.values()):
            self.answer(invite, 200)

    async def hang_up(self) -> Response:
        """End the call that this phone has answered last, and return the response to the BYE."""
        answer, invite = list(self._answered.values())[-1], self.invites[-1]
        self._cseq += 1
        self.send(
            [
                f"BYE {invite.contacts[0].uri_text} SIP/2.0",
                self.via(),
                *(f"Route: {value}" for value in invite.values("record-route")),
                "Max-Forwards: 70",
                f"From: {answer.header('to')}",
                f"To: {invite.header('from')}",
                f"Call-ID: {invite.call_id}",
                f"CSeq: {self._cseq} BYE",
            ]
        )
        return await self.final(invite.call_id, self._cseq, "BYE")

    def answer(self, request: Request, status: int, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        """Respond to a request."""
        body = SDP if request.method == "INVITE" and status == 200 else b""
        more = [("Record-Route", value) for value in request.headers("record-route")]
        if request.method == "INVITE":
            more.append(("Contact", f"<{self.contact}>"))
        tag = f"{self.user}-{self.flow.port}-{request.call_id[-6:]}"
        response = make_response(
            request,
            status,
            headers=[*more, *headers],
            to_tag=tag,
            body=body,
            content_type="application/sdp" if body else "",
        )
        if request.method == "INVITE" and status >= 200:
            self._pending.pop(request.top_via.branch, None)
        if request.method == "INVITE" and status == 200:
            self._answered[request.call_id] = response
        self.world.to_server(bytes(response), self.flow)
        return response


class Call:
    """A call that a phone makes. `await call.final()` gives its end; `call.statuses` everything so far."""

    def __init__(
        self, phone: Phone, target: str, *, authenticate: bool = True, headers: list[str] | None = None
    ) -> None:
        self.phone = phone
        self.target = target
        self.call_id = f"call-{next(_numbers)}"
        self.tag = f"t{next(_numbers)}"
        self.responses: list[Response] = []
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
    def is_over(self) -> bool:
        """Whether the final response has come."""
        return self._done.done()

    async def final(self) -> Response:
        """Wait for the final response."""
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
                f"Contact: <{phone.contact}>",
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
        self,
        method: str,
        response: Response,
        *,
        target: str = "",
        via: str = "",
        routes: list[str] | None = None,
        headers: list[str] | None = None,
    ) -> None:
        phone = self.phone
        if routes is None:
            routes = [f"Route: {value}" for value in reversed(response.values("record-route"))]
        if method not in ("ACK", "CANCEL"):
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
                *(headers or []),
            ]
        )

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

    def repeat(self) -> None:
        """Send the INVITE again, byte for byte."""
        self.phone.world.to_server(self.data, self.phone.flow)

    async def hang_up(self) -> Response:
        """Send BYE on the answered call and return its response."""
        answer = next(r for r in reversed(self.responses) if 200 <= r.status < 300)
        self._in_dialog("BYE", answer)
        return await self.phone.final(self.call_id, self._cseq, "BYE")


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()
