"""A push token from a SIP worker to the web side, through a broker that must not read it."""

from __future__ import annotations

import base64

import pytest

from pbx.push import sealing
from sipcore.contract import jobs, keys
from sipcore.sealing import Sealer

TOKEN = "token-of-bobs-mobile-0123456789"


@pytest.fixture
def sealer() -> Sealer:
    sealer = Sealer()
    sealer.use(sealing.public_key())
    return sealer


def test_it_arrives_and_cannot_be_read_on_the_way(sealer):
    sealed = sealer.seal(TOKEN)

    assert sealed.startswith(jobs.SEALED)
    assert TOKEN.encode() not in base64.b64decode(sealed.removeprefix(jobs.SEALED))
    assert sealing.opened(sealed) == TOKEN


def test_the_same_token_never_looks_the_same(sealer):
    assert sealer.seal(TOKEN) != sealer.seal(TOKEN)


@pytest.mark.parametrize("sealed", [TOKEN, "x25519:", "x25519:AAAA", f"x25519:{base64.b64encode(bytes(80)).decode()}"])
def test_what_was_not_sealed_for_us_is_refused(sealed):
    with pytest.raises(sealing.Unreadable):
        sealing.opened(sealed)


def test_a_token_that_was_changed_on_the_way_is_refused(sealer):
    data = bytearray(base64.b64decode(sealer.seal(TOKEN).removeprefix(jobs.SEALED)))
    data[-1] ^= 1

    with pytest.raises(sealing.Unreadable):
        sealing.opened(jobs.SEALED + base64.b64encode(bytes(data)).decode())


def test_what_was_sealed_before_the_key_was_changed_can_still_be_opened(sealer, settings):
    sealed = sealer.seal(TOKEN)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, long enough to be one, and quite another"

    assert sealing.opened(sealed) == TOKEN
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(sealing.Unreadable):
        sealing.opened(sealed)


def test_the_key_is_published_once_and_workers_are_told(store):
    with store.pubsub() as heard:
        heard.subscribe(keys.DIRECTORY_CHANGED)
        heard.get_message(timeout=1)
        sealing.publish_key()
        sealing.publish_key()
        messages = [heard.get_message(timeout=0.2) for _ in range(2)]

    assert store.get(keys.PUSH_SEALING_KEY) == sealing.public_key()
    assert [message and message["data"] for message in messages] == ["push-key", None]


@pytest.mark.parametrize("published", ["", "no hex", "abcd"])
def test_without_a_key_nothing_is_sealed(published):
    sealer = Sealer()
    sealer.use(published)

    assert not sealer.has_key
    with pytest.raises(LookupError):
        sealer.seal(TOKEN)
