"""A phone that speaks just enough SIP, and remembers what it was told.

It has no transaction layer: it sends once, unless told to repeat, and answers everything that it gets. What a test
wants to know is what the server did, in full.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ..contract.flow import Flow
from ..syntax import Request, Response, make_response, parse_challenge_like, parse_message
from .call import SDP, Call

if TYPE_CHECKING:
    from .world import World

__all__ = ["Phone"]


_numbers = itertools.count(1)


class Phone:
    """One device of one subscriber. Make it with `world.phone`."""

    def __init__(self, world: World, user: str, flow: Flow, *, instance: str = "", domain: str = "pbx.example") -> None:
        self.world = world
        self.user = user
        self.domain = domain
        self.flow = flow
        self.instance = instance
        "Its +sip.instance, empty for a phone that sends none."
        self.uri_params = ""
        "Parameters of the Contact URI when it registers, such as `;pn-provider=http`."
        self.dialog_params = ""
        "Parameters of its Contact URI in calls, such as `;pn-purr=…`."
        self.contact_params = ""
        "Parameters of the Contact itself when it registers, such as `;q=0.5`."
        self.reacts = True
        "False: it gets messages and does not answer, like a phone asleep."
        self.wakes_after: float | None = None
        "How many seconds after a push it wakes by itself; None: when the test says so."
        self.rings_after: float | None = 0.05
        "How many seconds after an INVITE it says 180; None: never."
        self.answers_after: float | None = None
        "How many seconds after an INVITE it is answered; None: when the test says so."
        self.declines_with = 0
        "A status to answer INVITEs with instead of ringing, and messages instead of taking them."
        self.inbox: list[Request | Response] = []
        "Everything it was sent, in order."
        self.invites: list[Request] = []
        "The INVITEs that reached it, retransmissions not counted."
        self.cancels: list[Request] = []
        self.acks: list[Request] = []
        self.byes: list[Request] = []
        self.messages: list[Request] = []
        "Requests of any other method that reached it."
        self._pending: dict[str, Request] = {}
        self._answered: dict[str, tuple[Request, Response]] = {}
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

    # What a person or an app does with it.

    @property
    def rings(self) -> bool:
        """Whether a call rings it right now."""
        return bool(self._pending)

    @property
    def talks(self) -> bool:
        """Whether a call that it has answered is still up."""
        return bool(self._answered)

    def register(self, expires: int = 600, **options: Any) -> Response:
        """Register its contact, and return the final response; `expires` 0 removes it. `options` as in `request`."""
        return self._word(self._register(expires, **options))

    def unregister(self) -> Response:
        """Remove its contact."""
        return self.register(0)

    def sleep(self) -> None:
        """Stop reacting to anything, as an app does that is put away; its registration stays as it is."""
        self.reacts = False

    def wake(self) -> Response:
        """Wake up, by a push or by itself: react again, and register."""
        self.reacts = True
        return self.register()

    def call(self, dialled: str, **options: Any) -> Call:
        """Call somebody; the moment that it takes is enough to ring a phone. `options` are those of `Call`.

        Whoever is dialled without a domain is of the phone's own.
        """
        call = Call(self, f"sip:{dialled}" if "@" in dialled else f"sip:{dialled}@{self.domain}", **options)
        self.world.advance(self.world.moment)
        return call

    def answer(self) -> None:
        """Answer whatever rings."""
        for invite in list(self._pending.values()):
            self.respond(invite, 200)
        self.world.advance(self.world.moment)

    def decline(self, status: int = 486) -> None:
        """Decline whatever rings."""
        for invite in list(self._pending.values()):
            self.respond(invite, status)
        self.world.advance(self.world.moment)

    def hang_up(self) -> Response | None:
        """End the calls that it has answered; return the response to the BYE of the last one."""
        response = None
        for invite, answer in list(self._answered.values()):
            response = self._word(self._bye(invite, answer))
        return response

    def request(self, method: str, target: str, **options: Any) -> Response:
        """Send a request other than INVITE, with credentials once it is challenged, and return the final response.

        Options: `from_user`, `to`, `call_id`, `contact`, `headers` (lines), `password`, and `authenticate`, which False
        takes the first response for final.
        """
        return self._word(self._request(method, target, **options))

    def begin(self, method: str, target: str, **options: Any) -> asyncio.Task[Response]:
        """Send a request like `request` does, and do not wait: the task has the final response when it is `done()`."""
        return self.world.loop.create_task(self._request(method, target, **options))

    def _word(self, coroutine: Coroutine[Any, Any, Response]) -> Response:
        response = self.world.run(coroutine)
        self.world.advance(self.world.moment)
        return response

    # Sending.

    def send(self, lines: list[str], body: bytes = b"") -> bytes:
        """Put a message on the wire, completed with its Content-Length; return its bytes."""
        data = "\r\n".join([*filter(None, lines), f"Content-Length: {len(body)}", "", ""]).encode() + body
        self.world.to_server(data, self.flow, self.user)
        return data

    def via(self) -> str:
        """A Via line with a branch of its own."""
        sent_by = f"SIP/2.0/{self.flow.transport.upper()} {self.flow.host}:{self.flow.port}"
        return f"Via: {sent_by};branch=z9hG4bK{self.user}-{next(_numbers)};rport"

    async def _request(
        self,
        method: str,
        target: str,
        *,
        from_user: str = "",
        to: str = "",
        call_id: str = "",
        contact: str = "",
        headers: list[str] | None = None,
        body: bytes = b"",
        password: str | None = None,
        authenticate: bool = True,
    ) -> Response:
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
                ],
                body,
            )
            response = await self.final(call_id, self._cseq, method)
            if response.status not in (401, 407) or credentials or not authenticate:
                return response
            credentials = self.credentials(response, method, target, password)

    async def _register(self, expires: int = 600, **options: Any) -> Response:
        instance = f';+sip.instance="<{self.instance}>"' if self.instance else ""
        contact = f"<{self.contact}{self.uri_params}>{instance}{self.contact_params};expires={expires}"
        to, call_id = f"sip:{self.aor}", f"reg-{self.flow.host}"
        return await self._request("REGISTER", f"sip:{self.domain}", to=to, call_id=call_id, contact=contact, **options)

    async def _bye(self, invite: Request, answer: Response) -> Response:
        del self._answered[invite.call_id]
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

    def pushed(self) -> None:
        """A push has reached it."""
        if self.wakes_after is not None and not self.reacts:
            self.world.loop.call_later(self.wakes_after, self._wake_by_itself)

    def _wake_by_itself(self) -> None:
        if not self.reacts:
            self.reacts = True
            self._waking = self.world.loop.create_task(self._register())

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
            self.respond(request, 200)
            invite = self._pending.pop(request.top_via.branch, None)
            if invite is not None:
                self.respond(invite, 487)
        elif request.method == "ACK":
            self.acks.append(request)
        else:
            (self.byes if request.method == "BYE" else self.messages).append(request)
            if request.method == "BYE":
                self._answered.pop(request.call_id, None)
            self.respond(request, 200 if request.method == "BYE" else self.declines_with or 200)

    def _ring(self, invite: Request) -> None:
        if self.declines_with:
            self.respond(invite, self.declines_with)
            return
        self._pending[invite.top_via.branch] = invite
        later = self.world.loop.call_later
        if self.rings_after is not None:
            later(self.rings_after, self._while_pending, invite, 180)
        if self.answers_after is not None:
            later(self.answers_after, self._while_pending, invite, 200)

    def _while_pending(self, invite: Request, status: int) -> None:
        if invite.top_via.branch in self._pending:
            self.respond(invite, status)

    def respond(self, request: Request, status: int, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        """Put a response to a request on the wire."""
        body = SDP if request.method == "INVITE" and status == 200 else b""
        more = [("Record-Route", value) for value in request.headers("record-route")]
        if request.method == "INVITE":
            more.append(("Contact", f"<{self.contact}{self.dialog_params}>"))
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
            self._answered[request.call_id] = (request, response)
        self.world.to_server(bytes(response), self.flow, self.user)
        return response


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()  # noqa: S324 - what RFC 2617 asks for
