"""Look-alikes of the providers that the settings point to, and the sender that knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pbx.push import sealing, sending
from sipcore.sealing import Sealer
from tests.support.push_providers import AcrobitsServer, ApnsServer, FcmServer, WebPushServer

__all__ = ["in_a_job"]


@pytest.fixture
def trusted(settings) -> Iterator[Callable]:
    """Trust a look-alike's certificate, and start the sender anew when it is next asked for."""
    servers = []

    def trust(server):
        settings.PUSH_CA = str(server.ca_file)
        sending.sender.cache_clear()
        servers.append(server)
        return server

    yield trust
    if sending.sender.cache_info().currsize:
        sending.sender().close()
    sending.sender.cache_clear()
    for server in servers:
        server.close()


@pytest.fixture
def fcm(settings, tmp_path, trusted) -> FcmServer:
    server = FcmServer(tmp_path)
    settings.FCM_CREDENTIALS, settings.FCM_URL = server.credentials(), server.url
    return trusted(server)


@pytest.fixture
def apns(settings, tmp_path, trusted) -> ApnsServer:
    server = ApnsServer(tmp_path)
    settings.APNS_KEY, settings.APNS_KEY_ID, settings.APNS_TEAM_ID = server.key_pem, server.key_id, server.team_id
    settings.APNS_TOPIC, settings.APNS_URL, settings.APNS_SANDBOX_URL = server.bundle, server.url, server.url
    return trusted(server)


@pytest.fixture
def browser(settings, tmp_path, trusted) -> WebPushServer:
    server = WebPushServer(tmp_path)
    settings.VAPID_KEY, settings.WEBPUSH_HOSTS = server.key_pem, ["localhost"]
    return trusted(server)


@pytest.fixture
def acrobits(settings, tmp_path, trusted) -> AcrobitsServer:
    server = AcrobitsServer(tmp_path)
    settings.ACROBITS_URL = server.url
    return trusted(server)


def in_a_job(token: str) -> str:
    """A push token as a SIP worker puts it into a job."""
    sealer = Sealer()
    sealer.use(sealing.public_key())
    return sealer.seal(token)
