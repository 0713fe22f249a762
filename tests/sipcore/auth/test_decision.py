from __future__ import annotations

import hashlib
from itertools import count

import pytest

from sipcore.auth import NonceCounts, Nonces, authenticate, find_credentials
from sipcore.contract.credentials import ALGORITHMS, ha1
from sipcore.syntax import parse_message

EPOCH = 1_800_000_000.0
REALM = "pbx.example"
BOB = {name: ha1(name, "bob", REALM, "secret") for name in ALGORITHMS}


class Server:
    """One worker's way of authenticating."""

    def __init__(self, secret: bytes = b"0123456789abcdef") -> None:
        tokens = count()
        self.nonces = Nonces(secret, new_token=lambda: f"token{next(tokens)}")
        self.counts = NonceCounts()

    def decide(self, request, known=BOB, *, epoch=EPOCH, **options):
        return authenticate(request, known, realm=REALM, nonces=self.nonces, counts=self.counts, epoch=epoch, **options)


@pytest.fixture
def server() -> Server:
    return Server()


def signed(
    nonce: str,
    password: str = "secret",
    *,
    user: str = "bob",
    nc: int = 1,
    algorithm: str = "SHA-256",
    uri: str = "sip:pbx.example",
    header: str = "Authorization",
    extra: tuple[str, ...] = (),
):
    """A REGISTER as a phone signs it."""
    hash_ = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}[algorithm]

    def h(text: str) -> str:
        return hash_(text.encode()).hexdigest()

    response = h(f"{h(f'{user}:{REALM}:{password}')}:{nonce}:{nc:08x}:c1:auth:{h(f'REGISTER:{uri}')}")
    lines = [
        "REGISTER sip:pbx.example SIP/2.0",
        *extra,
        f'{header}: Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{uri}", response="{response}", '
        f'algorithm={algorithm}, qop=auth, nc={nc:08x}, cnonce="c1"',
        "Content-Length: 0",
    ]
    return parse_message(("\r\n".join(lines) + "\r\n\r\n").encode())


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_the_right_password_is_let_in(server, algorithm):
    decision = server.decide(signed(server.nonces.issue(EPOCH), algorithm=algorithm))

    assert decision.is_ok
    assert (decision.outcome, decision.username, decision.reason) == ("ok", "bob", "")


def test_no_credentials_are_missing_ones(server):
    request = parse_message(b"REGISTER sip:pbx.example SIP/2.0\r\nContent-Length: 0\r\n\r\n")

    assert server.decide(request).outcome == "missing"


def test_a_proxy_looks_into_its_own_header(server):
    request = signed(server.nonces.issue(EPOCH), header="Proxy-Authorization")

    assert server.decide(request).outcome == "missing"
    assert server.decide(request, header="Proxy-Authorization").outcome == "ok"


def test_credentials_for_others_do_not_disturb(server):
    other = 'Authorization: Digest username="x", realm="other", nonce="n", uri="u", response="r"'

    assert server.decide(signed(server.nonces.issue(EPOCH), extra=(other,))).is_ok


@pytest.mark.parametrize(
    ("_case", "options", "known", "outcome", "reason"),
    [
        ("wrong password", {"password": "guess"}, BOB, "wrong", "bad-password"),
        ("no such user", {"user": "eve"}, None, "wrong", "no-user"),
        ("no such user, and the password of nobody", {"user": "", "password": ""}, None, "wrong", "no-user"),
        ("no HA1 for that algorithm", {"algorithm": "MD5"}, {"SHA-256": BOB["SHA-256"]}, "wrong", "bad-password"),
        ("signed for another user's resource", {"uri": "sip:alice@pbx.example"}, BOB, "wrong", "bad-uri"),
    ],
)
def test_nobody_else_is_let_in(server, _case, options, known, outcome, reason):
    decision = server.decide(signed(server.nonces.issue(EPOCH), **options), known)

    assert (decision.outcome, decision.reason) == (outcome, reason)


def test_the_stand_in_for_unknown_users_opens_nothing(server):
    """What an unknown user is compared with is public; a response made from it must not be right."""
    nonce = server.nonces.issue(EPOCH)
    known = hashlib.sha256(b"").hexdigest()
    a2 = hashlib.sha256(b"REGISTER:sip:pbx.example").hexdigest()
    response = hashlib.sha256(f"{known}:{nonce}:{a2}".encode()).hexdigest()
    request = parse_message(
        (
            "REGISTER sip:pbx.example SIP/2.0\r\n"
            f'Authorization: Digest username="eve", realm="{REALM}", nonce="{nonce}", uri="sip:pbx.example", '
            f'response="{response}", algorithm=SHA-256\r\nContent-Length: 0\r\n\r\n'
        ).encode()
    )

    assert server.decide(request, None).outcome == "wrong"
    assert server.decide(request, {}).outcome == "wrong"


def test_an_old_nonce_with_the_right_password_is_stale(server):
    decision = server.decide(signed(server.nonces.issue(EPOCH)), epoch=EPOCH + 301)

    assert (decision.outcome, decision.reason) == ("stale", "stale-nonce")


def test_an_old_nonce_with_a_wrong_password_is_wrong(server):
    """RFC 7616 §3.3: stale only for a digest that was right."""
    assert server.decide(signed(server.nonces.issue(EPOCH), "guess"), epoch=EPOCH + 301).outcome == "wrong"


def test_a_nonce_from_before_the_secret_was_lost_is_stale(server):
    before = Server(b"another secret of old")

    assert server.decide(signed(before.nonces.issue(EPOCH))).outcome == "stale"


def test_a_made_up_nonce_with_a_wrong_password_is_forged(server):
    assert server.decide(signed("made-up", "guess")).outcome == "forged"


def test_a_nonce_count_is_good_for_one_request(server):
    nonce = server.nonces.issue(EPOCH)

    outcomes = [server.decide(signed(nonce, nc=n)).outcome for n in (1, 2, 2, 3)]

    assert outcomes == ["ok", "ok", "stale", "ok"]


def test_a_replay_is_named_as_such(server):
    request = signed(server.nonces.issue(EPOCH))
    server.decide(request)

    assert server.decide(request).reason == "nonce-reuse"


def test_guessing_uses_up_no_nonce_count(server):
    nonce = server.nonces.issue(EPOCH)
    server.decide(signed(nonce, "guess"))

    assert server.decide(signed(nonce)).is_ok


def test_credentials_found_before_need_not_be_found_again(server):
    request = signed(server.nonces.issue(EPOCH), user="bob")
    found = find_credentials(request.headers("authorization"), REALM)

    decision = server.decide(request, credentials=found)

    assert decision.is_ok
    assert decision.credentials is found


def test_known_and_unknown_users_cost_the_same_work(server, monkeypatch):
    hashed: list[int] = []

    def counting(algorithm):
        def make(data=b""):
            hashed.append(len(data))
            return algorithm(data)

        return make

    monkeypatch.setattr(
        "sipcore.auth.digest.ALGORITHMS", {name: counting(algorithm) for name, algorithm in ALGORITHMS.items()}
    )
    request = signed(server.nonces.issue(EPOCH), "guess")

    server.decide(request, BOB)
    for_known = hashed.copy()
    hashed.clear()
    server.decide(request, None)

    assert hashed == for_known != []
