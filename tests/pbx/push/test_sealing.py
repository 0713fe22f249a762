import pytest

from pbx.push.sealing import Unreadable, seal, unseal


def test_a_token_is_read_back_and_does_not_show(settings):
    sealed = seal("token-of-bob")

    assert unseal(sealed) == "token-of-bob"
    assert "token-of-bob" not in sealed


def test_a_new_secret_key_reads_old_tokens_through_its_fallbacks(settings):
    sealed = seal("token-of-bob")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 40, [settings.SECRET_KEY]

    assert unseal(sealed) == "token-of-bob"


def test_a_lost_secret_key_is_said_to_be_that(settings):
    sealed = seal("token-of-bob")
    settings.SECRET_KEY = "n" * 40

    with pytest.raises(Unreadable):
        unseal(sealed)
