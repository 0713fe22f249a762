"""Who has not proved to be a subscriber learns nothing and reaches nobody."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from tests.support.product import Subscriber

from .clients.message import Message, authorization, new_token
from .clients.scripted import ScriptedPhone
from .exchange import Exchange

ELSEWHERE = "127.0.0.2"  # an address of this host that the product does not listen at, and no domain of its
QUIET_SECONDS = 0.5


@pytest.fixture
def victim() -> Iterator[socket.socket]:
    """Somebody outside who must not hear anything through the product."""
    with socket.socket(type=socket.SOCK_DGRAM) as listening:
        listening.bind((ELSEWHERE, 0))
        listening.settimeout(QUIET_SECONDS)
        yield listening


@pytest.fixture
def stranger(exchange: Exchange) -> ScriptedPhone:
    """A phone without an account."""
    return exchange.scripted(user="stranger", domain=ELSEWHERE)


def assert_nothing_came(victim: socket.socket) -> None:
    try:
        data = victim.recv(65536)
    except TimeoutError:
        return
    raise AssertionError(f"relayed to somebody outside:\n{data.decode(errors='replace')}")


@pytest.mark.parametrize("way", ["Request-URI", "Route", "Route within a dialog", "as a subscriber"])
def test_nothing_is_relayed_for_a_stranger(
    exchange: Exchange, stranger: ScriptedPhone, victim: socket.socket, way: str
) -> None:
    outside = f"sip:victim@{ELSEWHERE}:{victim.getsockname()[1]}"
    own = f"sip:{exchange.server}"
    target, headers = outside, [("To", f"<{outside}>"), ("Contact", f"<{stranger.contact}>")]
    if way == "Route":
        target = own
        headers += [("Route", f"<{own};lr>"), ("Route", f"<{outside};lr>")]
    elif way == "Route within a dialog":
        headers[0] = ("To", f"<{outside}>;tag=there")
        headers += [("Route", f"<sip:AAAAAAAAAAAAAAAAAAAAAAAAAA@{exchange.server};lr>"), ("Route", f"<{outside};lr>")]
    elif way == "as a subscriber":
        headers.append(("From", f"<sip:{exchange.person().username}@{exchange.product.domain}>;tag=here"))

    for method in ("INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "BYE", "ACK", "WHATEVER"):
        call_id, number = new_token(), stranger.next_cseq()
        stranger.send(stranger.build(method, target, call_id, number, headers))
        if method == "ACK":
            continue
        answer = stranger.wait_for_response(call_id, number, method)
        if (method, target) == ("OPTIONS", own):
            assert answer.status == 200  # whether the server is there is no secret
        else:
            assert answer.status in (403, 407, 481), answer

    assert_nothing_came(victim)


def test_a_response_that_nobody_asked_for_goes_nowhere(
    exchange: Exchange, stranger: ScriptedPhone, victim: socket.socket
) -> None:
    """RFC 3261 §16.7 would have a 2xx without a transaction forwarded by its Via: a stranger could aim it at anybody."""
    stranger.send(
        (
            "SIP/2.0 200 OK\r\n"
            f"Via: SIP/2.0/UDP {exchange.server};branch=z9hG4bKforged\r\n"
            f"Via: SIP/2.0/UDP {ELSEWHERE}:{victim.getsockname()[1]};branch=z9hG4bKvictim\r\n"
            f"From: <sip:a@{ELSEWHERE}>;tag=1\r\nTo: <sip:b@{ELSEWHERE}>;tag=2\r\n"
            f"Call-ID: {new_token()}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        ).encode()
    )

    assert_nothing_came(victim)


def test_a_subscriber_may_not_call_under_another_name(exchange: Exchange) -> None:
    mallory, alice, bob = exchange.people(3)
    bobs, mallorys = exchange.scripted(bob), exchange.scripted(mallory)
    pretended = ("From", f"<sip:{alice.username}@{exchange.product.domain}>;tag=not-alice")

    mallorys.call(bob.username, headers=[pretended]).wait_for(403)

    assert bobs.received("INVITE") == []


def test_a_subscriber_may_not_register_for_another_one(exchange: Exchange) -> None:
    mallory, bob = exchange.people(2)
    bobs, mallorys = exchange.scripted(bob), exchange.scripted(mallory)

    target = f"sip:{exchange.server}"
    answer = mallorys.ask("REGISTER", target, [("Contact", f"<{mallorys.contact}>")], to=bobs.aor)

    assert answer.status == 403
    assert len(bobs.bindings()) == 1


def anonymized(message: Message, phone: ScriptedPhone, user: str) -> str:
    """A response without what differs between any two."""
    text = str(message).replace(f"127.0.0.1:{phone.port}", "…")
    text = re.sub(r'nonce="[^"]+"', 'nonce="…"', text)
    text = re.sub(r";(tag|branch|rport)=[^;\r>]+", r";\1=…", text)
    text = re.sub(r"(?m)^(Call-ID|CSeq|Date): .*$", r"\1: …", text)
    return text.replace(user, "…")


UNKNOWN = Subscriber("0000", "whatever")  # as long as the names of those who exist


@pytest.mark.parametrize("password", ["none", "wrong"])
@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE"])
def test_asking_as_a_subscriber_and_as_nobody_looks_the_same(exchange: Exchange, method: str, password: str) -> None:
    known, callee = exchange.people(2)

    looks = set()
    for who in (known, UNKNOWN):
        with exchange.scripted(user=who.username) as phone:
            target = f"sip:{exchange.server}" if method == "REGISTER" else f"sip:{callee.username}@{exchange.server}"
            answer = answer_to(phone, method, target, wrong_password=password == "wrong")
            looks.add(anonymized(answer, phone, who.username))

    assert len(looks) == 1, "\n".join(looks)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE"])
def test_asking_for_a_subscriber_and_for_nobody_looks_the_same(
    exchange: Exchange, stranger: ScriptedPhone, method: str
) -> None:
    known = exchange.person()
    exchange.scripted(known)

    looks = {
        anonymized(answer_to(stranger, method, f"sip:{who.username}@{exchange.server}"), stranger, who.username)
        for who in (known, UNKNOWN)
    }

    assert len(looks) == 1, "\n".join(looks)


def answer_to(phone: ScriptedPhone, method: str, target: str, *, wrong_password: bool = False) -> Message:
    """The final answer to a request; with a wrong password, to the second one, which answers the challenge."""
    headers = [
        ("To", f"<{phone.aor if method == 'REGISTER' else target}>"),
        ("Contact", f"<{phone.contact}>"),
    ]
    call_id, number = new_token(), phone.next_cseq()
    phone.send(phone.build(method, target, call_id, number, headers))
    answer = phone.wait_for_response(call_id, number, method)
    if not wrong_password:
        return answer
    assert answer.status in (401, 407)
    kind = "WWW" if answer.status == 401 else "Proxy"
    challenge = answer.header(f"{kind}-Authenticate".lower())
    name = "Authorization" if answer.status == 401 else "Proxy-Authorization"
    headers.append((name, authorization(challenge, phone.user, "not the password", method, target)))
    number = phone.next_cseq()
    phone.send(phone.build(method, target, call_id, number, headers))
    return phone.wait_for_response(call_id, number, method)
