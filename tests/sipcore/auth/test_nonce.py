from __future__ import annotations

import hmac
import re
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.auth import NonceCounts, Nonces

EPOCH = 1_800_000_000.0
SECRET = b"0123456789abcdef"


def make_nonces(secret: bytes = SECRET) -> Nonces:
    tokens = count()
    return Nonces(secret, new_token=lambda: f"token{next(tokens)}")


def test_a_nonce_is_valid_at_every_worker_that_has_the_secret():
    assert make_nonces().check(make_nonces().issue(EPOCH), EPOCH) == "valid"


def test_nonces_differ_and_need_no_escaping():
    nonces = make_nonces()

    first, second = nonces.issue(EPOCH), nonces.issue(EPOCH)

    assert first != second
    assert re.fullmatch(r"[A-Za-z0-9.]{20,100}", first)


@pytest.mark.parametrize(
    ("_case", "later", "verdict"),
    [
        ("at once", 0.0, "valid"),
        ("just in time", 299.9, "valid"),
        ("too late", 300.0, "stale"),
        ("a sibling's clock is ahead", -4.0, "valid"),
        ("the clock was set back", -60.0, "stale"),
    ],
)
def test_a_nonce_lives_five_minutes(_case, later, verdict):
    assert make_nonces().check(make_nonces().issue(EPOCH), EPOCH + later) == verdict


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("younger", lambda nonce: "f" + nonce[1:]),
        ("another random part", lambda nonce: nonce.replace("token", "taken")),
        ("another seal", lambda nonce: nonce[:-1] + ("A" if nonce[-1] != "A" else "B")),
        ("without seal", lambda nonce: nonce.rpartition(".")[0]),
        ("cut", lambda nonce: nonce[:-1]),
        ("empty", lambda nonce: ""),
        ("one dot", lambda nonce: "."),
        ("no ASCII", lambda nonce: nonce + "ü"),
        ("octets", lambda nonce: nonce + "\udcff"),
        ("endless", lambda nonce: "0" * 100_000 + nonce),
    ],
)
def test_a_nonce_that_we_did_not_make_is_forged(_case, change):
    assert make_nonces().check(change(make_nonces().issue(EPOCH)), EPOCH) == "forged"


def test_another_secret_makes_other_nonces():
    assert make_nonces(b"fedcba9876543210").check(make_nonces().issue(EPOCH), EPOCH) == "forged"


def test_a_secret_that_could_be_guessed_is_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        make_nonces(b"short")


@given(st.text(max_size=80))
def test_no_text_breaks_the_check(text):
    assert make_nonces().check(text, EPOCH) == "forged"


# Nonce counts


def test_a_count_is_used_once():
    counts, nonce = NonceCounts(), make_nonces().issue(EPOCH)

    assert [counts.accept(nonce, n) for n in (1, 1, 2, 1, 2, 3)] == [True, False, True, False, False, True]


def test_datagrams_may_overtake_each_other():
    counts, nonce = NonceCounts(), make_nonces().issue(EPOCH)

    assert [counts.accept(nonce, n) for n in (3, 1, 2, 2, 40, 9, 8, 39)] == [
        *(True, True, True, False),  # 2 twice
        *(True, True, False, True),  # 8 is more than 32 behind
    ]


def test_credentials_without_a_count_are_good_for_one_request():
    counts, nonce = NonceCounts(), make_nonces().issue(EPOCH)

    assert [counts.accept(nonce, 0), counts.accept(nonce, 0)] == [True, False]


def test_what_was_forgotten_for_want_of_room_cannot_be_replayed():
    counts, nonces = NonceCounts(limit=2), make_nonces()
    made = [nonces.issue(EPOCH + n) for n in range(3)]
    for nonce in made:
        assert counts.accept(nonce, 1)

    assert len(counts) == 2
    assert not counts.accept(made[0], 1)
    assert not counts.accept(made[0], 2)
    assert counts.accept(made[1], 2)
    assert counts.accept(nonces.issue(EPOCH + 4), 1)


def test_a_nonce_in_use_is_forgotten_last():
    counts, nonces = NonceCounts(limit=2), make_nonces()
    busy, idle = nonces.issue(EPOCH), nonces.issue(EPOCH + 1)
    counts.accept(busy, 1)
    counts.accept(idle, 1)
    counts.accept(busy, 2)

    counts.accept(nonces.issue(EPOCH + 2), 1)

    assert counts.accept(busy, 3)


@given(st.lists(st.integers(min_value=0, max_value=100), max_size=60))
def test_no_count_is_ever_accepted_twice(sequence):
    counts, nonce = NonceCounts(), make_nonces().issue(EPOCH)

    accepted = [n for n in sequence if counts.accept(nonce, n)]

    assert len(accepted) == len(set(accepted))
    for position, n in enumerate(sequence):
        if n > max(sequence[:position], default=-1):
            assert n in accepted


def test_the_seal_is_an_hmac():
    secret = b"0123456789abcdef"
    body, _, seal = Nonces(secret, new_token=lambda: "Zk3uxtm8").issue(1_800_000_000.0).rpartition(".")
    key = hmac.digest(secret, b"digest nonce", "sha256")

    assert seal == hmac.digest(key, body.encode(), "sha256")[:16].hex()
