"""A phone without a mind of its own, for what real ones cannot be made to do: two at one instant, silence, a lost message.

It reads its socket only while it waits for something, so a test decides the order of everything. What is sent again
(byte for byte) is answered again and otherwise not noticed; `history` has every message once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from .message import Message, authorization, between, new_token
from .wire import Wire

__all__ = ["IncomingCall", "OutgoingCall", "ScriptedPhone"]

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
REASONS = {180: "Ringing", 183: "Session Progress", 200: "OK", 486: "Busy Here", 487: "Request Terminated"}

Headers = Sequence[tuple[str, str]]


class ScriptedPhone(Wire):
    """One user agent on a socket of its own. `domain` is where its user lives; requests go to `server` in any case."""

    def __init__(
        self,
        server: tuple[str, int],
        user: str = "anonymous",
        password: str = "",
        *,
        transport: str = "udp",
        domain: str = "",
        port: int = 0,
    ) -> None:
        super().__init__(server, transport=transport, port=port)
        self.user = user
        self.domain = domain or f"{server[0]}:{server[1]}"
        self._password = password
        self._challenge, self._nonce_count = "", 0
        self._cseq = 0
        self._registration = new_token()

    def __enter__(self) -> ScriptedPhone:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def aor(self) -> str:
        """The URI of its user."""
        return f"sip:{self.user}@{self.domain}"

    @property
    def contact(self) -> str:
        """Its Contact URI."""
        return f"sip:{self.user}@127.0.0.1:{self.port}" + (";transport=tcp" if self.transport == "tcp" else "")

    # Registering and asking.

    def register(
        self, expires: int = 600, *, uri_parameters: str = "", parameters: str = "", contact: str = ""
    ) -> Message:
        """Register, with the password when asked for it, and return the final answer."""
        where = contact or f"<{self.contact}{uri_parameters}>{parameters}"
        return self.ask("REGISTER", f"sip:{self.domain}", [("Contact", where), ("Expires", str(expires))])

    def bindings(self) -> list[str]:
        """The contacts that its user has at present, as a REGISTER without Contact tells."""
        return self.ask("REGISTER", f"sip:{self.domain}").all("contact")

    def ask(
        self, method: str, target: str, headers: Headers = (), *, to: str = "", body: str = "", seconds: float = 10
    ) -> Message:
        """Send a request outside of dialogs, answer one challenge, and return the final response."""
        call_id = self._registration if method == "REGISTER" else new_token()
        to = to or (self.aor if method == "REGISTER" else target)
        credentials: Headers = ()
        for _ in range(2):
            number = self.next_cseq()
            request = self.build(method, target, call_id, number, [("To", f"<{to}>"), *headers, *credentials], body)
            self.send(request)
            response = self.wait_for_response(call_id, number, method, seconds=seconds, again=request)
            credentials = self.credentials(response, method, target)
            if not credentials:
                return response
        return response

    def credentials(self, response: Message, method: str, target: str) -> list[tuple[str, str]]:
        """The header that answers a 401 or 407; none when it is no challenge, or there is no password to answer with."""
        name = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}.get(response.status)
        if name is None or not self._password:
            return []
        self._challenge, self._nonce_count = response.header(name.lower()), 0
        return self.credentials_in_advance(method, target, proxy=response.status == 407)

    def credentials_in_advance(self, method: str, target: str, *, proxy: bool = True) -> list[tuple[str, str]]:
        """The same for a request that has not been challenged, by the latest nonce that the server gave."""
        assert self._challenge, f"{self} has never been challenged"
        self._nonce_count += 1
        account = (self.user, self._password)
        value = authorization(self._challenge, *account, method, target, count=self._nonce_count)
        return [("Proxy-Authorization" if proxy else "Authorization", value)]

    # Calls.

    def call(self, number: str, *, in_advance: bool = False, headers: Headers = ()) -> OutgoingCall:
        """Send an INVITE, and again with credentials when it is challenged; with `in_advance` the first one has them, and
        nothing is waited for."""
        return OutgoingCall(self, f"sip:{number}@{self.domain}", in_advance=in_advance, headers=headers)

    def wait_for_call(self, seconds: float = 10) -> IncomingCall:
        """Wait for an INVITE from outside of any dialog."""
        found = self.wait_for(lambda m: m.method == "INVITE" and not m.tag("to"), seconds, "INVITE")
        return IncomingCall(self, found)

    def received(self, method: str) -> list[Message]:
        """All requests of that method so far, after reading what has arrived."""
        self.read()
        return [message for message in self.history if message.method == method]

    # Messages.

    def build(
        self, method: str, target: str, call_id: str, number: int, headers: Headers, body: str = "", *, branch: str = ""
    ) -> bytes:
        """A request in full. From, with a tag per call, is added unless the headers have it; To they must have."""
        names = {name.lower() for name, _ in headers}
        via = f"SIP/2.0/{self.transport.upper()} 127.0.0.1:{self.port};branch={branch or 'z9hG4bK' + new_token()};rport"
        lines = [("Via", via), ("Max-Forwards", "70")]
        if "from" not in names:
            lines.append(("From", f"<{self.aor}>;tag={call_id[:8]}"))
        lines += [*headers, ("Call-ID", call_id), ("CSeq", f"{number} {method}")]
        if body:
            lines.append(("Content-Type", "application/sdp"))
        lines.append(("Content-Length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return f"{method} {target} SIP/2.0\r\n{head}\r\n{body}".encode()

    def next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def wait_for_response(
        self, call_id: str, number: int, method: str, *, seconds: float = 10, least: int = 200, again: bytes = b""
    ) -> Message:
        """Wait for a response with a status of at least that; `again` is sent again meanwhile, as UDP requires."""
        return self.wait_for(
            lambda m: m.status >= least and m.call_id == call_id and m.cseq == (number, method),
            seconds,
            f"{least} or above to {method} {number}",
            again=again,
        )

    def __str__(self) -> str:
        return f"phone {self.user} (port {self.port}, {self.transport})"


class OutgoingCall:
    """A call that this phone has made."""

    def __init__(self, phone: ScriptedPhone, target: str, *, in_advance: bool, headers: Headers) -> None:
        self.phone = phone
        self.call_id = new_token()
        self.target = target
        self._headers = headers
        if in_advance:
            self._send_invite(phone.credentials_in_advance("INVITE", target))
            return
        self._send_invite(())
        first = phone.wait_for_response(self.call_id, self.number, "INVITE", least=100, again=self.invite)
        if credentials := phone.credentials(first, "INVITE", target):
            self._acknowledge_refusal(first)
            self._send_invite(credentials)
        else:
            phone.put_back(first)

    def _send_invite(self, credentials: Headers) -> None:
        self.number = self.phone.next_cseq()
        self.branch = "z9hG4bK" + new_token()
        self._progressed = False
        headers = [
            ("To", f"<{self.target}>"),
            ("Contact", f"<{self.phone.contact}>"),
            *self._headers,
            *credentials,
        ]
        self.invite = self.phone.build(
            "INVITE", self.target, self.call_id, self.number, headers, SDP, branch=self.branch
        )
        self.phone.send(self.invite)

    def wait_for(self, status: int, seconds: float = 10) -> Message:
        """Wait for a response with this status, and acknowledge a final one; fails at once at another final one."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            again = b"" if self._progressed else self.invite
            found = self.phone.wait_for_response(
                self.call_id, self.number, "INVITE", seconds=left, least=100, again=again
            )
            self._progressed = True
            if found.status >= 300:
                self._acknowledge_refusal(found)
            if found.status == status:
                if status // 100 == 2:
                    self._establish(found)
                return found
            assert found.status < 200, f"{self.phone}: {found.status} instead of {status}\n{found}"

    def cancel(self) -> None:
        """Give up; the 200 to that is awaited."""
        headers = [("To", f"<{self.target}>")]
        cancel = self.phone.build("CANCEL", self.target, self.call_id, self.number, headers, branch=self.branch)
        self.phone.send(cancel)
        answer = self.phone.wait_for_response(self.call_id, self.number, "CANCEL", again=cancel)
        assert answer.status == 200, answer

    def bye(self, other: IncomingCall | None = None) -> None:
        """End the call; `other`, where it has come to, confirms that."""
        _bye(self, self.remote_target, self._dialog, other)

    def wait_for_bye(self, seconds: float = 10) -> None:
        """Wait until the other side ends the call, and confirm it."""
        _confirm_bye(self.phone, self.call_id, seconds)

    def _establish(self, answer: Message) -> None:
        self.remote_target = answer.contact_uri
        self._dialog = [
            *(("Route", route) for route in reversed(_split_values(answer.all("record-route")))),
            ("To", answer.header("to")),
        ]
        ack = self.phone.build("ACK", self.remote_target, self.call_id, self.number, self._dialog)
        self.phone.reply_to(answer, ack)

    def _acknowledge_refusal(self, answer: Message) -> None:
        headers = [("To", answer.header("to"))]
        ack = self.phone.build("ACK", self.target, self.call_id, self.number, headers, branch=self.branch)
        self.phone.reply_to(answer, ack)


class IncomingCall:
    """A call that has come to this phone."""

    def __init__(self, phone: ScriptedPhone, invite: Message) -> None:
        self.phone = phone
        self.invite = invite
        self.call_id = invite.call_id
        self._tag = new_token()

    def respond(self, status: int, *headers: tuple[str, str]) -> None:
        """Answer the INVITE."""
        body = SDP if status // 100 == 2 else ""
        self.phone.reply_to(self.invite, self._response(self.invite, status, headers, body))

    def wait_for_ack(self, seconds: float = 10) -> Message:
        """Wait for the ACK to the final answer."""
        return self.phone.wait_for(lambda m: m.method == "ACK" and m.call_id == self.call_id, seconds, "ACK")

    def answer(self, seconds: float = 10) -> None:
        """180, 200, and the ACK awaited; the 200 is sent again until then."""
        self.respond(180)
        self.respond(200)
        self.phone.wait_for(
            lambda m: m.method == "ACK" and m.call_id == self.call_id,
            seconds,
            "ACK",
            again=self.phone.reply_given(self.invite),
        )

    def wait_for_cancel(self, seconds: float = 10) -> Message:
        """Wait for a CANCEL, confirm it, end the INVITE with 487 and return the CANCEL."""
        found = self.phone.wait_for(lambda m: m.method == "CANCEL" and m.call_id == self.call_id, seconds, "CANCEL")
        self.phone.reply_to(found, self._response(found, 200))
        self.respond(487)
        return found

    def bye(self, other: OutgoingCall | None = None) -> None:
        """End the call; `other`, where it has come from, confirms that."""
        headers = [
            *(("Route", route) for route in _split_values(self.invite.all("record-route"))),
            ("From", f"{self.invite.header('to')};tag={self._tag}"),
            ("To", self.invite.header("from")),
        ]
        _bye(self, self.invite.contact_uri, headers, other)

    def wait_for_bye(self, seconds: float = 10) -> None:
        """Wait until the other side ends the call, and confirm it."""
        _confirm_bye(self.phone, self.call_id, seconds)

    def _response(self, request: Message, status: int, headers: Headers = (), body: str = "") -> bytes:
        return _response(self.phone, request, status, self._tag, headers, body)


def _bye(
    call: OutgoingCall | IncomingCall, target: str, dialog: Headers, other: OutgoingCall | IncomingCall | None
) -> None:
    phone = call.phone
    number = phone.next_cseq()
    bye = phone.build("BYE", target, call.call_id, number, dialog)
    phone.send(bye)
    if other is not None:
        other.wait_for_bye()
    answer = phone.wait_for_response(call.call_id, number, "BYE", again=bye)
    assert answer.status == 200, answer


def _confirm_bye(phone: ScriptedPhone, call_id: str, seconds: float) -> None:
    bye = phone.wait_for(lambda m: m.method == "BYE" and m.call_id == call_id, seconds, "BYE")
    phone.reply_to(bye, _response(phone, bye, 200))


def _response(
    phone: ScriptedPhone, request: Message, status: int, tag: str = "", headers: Headers = (), body: str = ""
) -> bytes:
    """RFC 3261 §8.2.6, with the Record-Route entries that make the caller's requests come through the proxy (§12.1.1)."""
    to = request.header("to")
    lines = [
        *(("Via", via) for via in request.all("via")),
        *(("Record-Route", route) for route in request.all("record-route")),
        ("From", request.header("from")),
        ("To", to if ";tag=" in to or not tag else f"{to};tag={tag}"),
        ("Call-ID", request.call_id),
        ("CSeq", request.header("cseq")),
        ("Contact", f"<{phone.contact}>"),
        *headers,
    ]
    if body:
        lines.append(("Content-Type", "application/sdp"))
    lines.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"SIP/2.0 {status} {REASONS.get(status, 'Because')}\r\n{head}\r\n{body}".encode()


def _split_values(lines: Sequence[str]) -> list[str]:
    """Values of header lines, of which each may hold several; ours have no comma inside."""
    return [f"<{between(value, '<', '>')}>" for line in lines for value in line.split(",")]
