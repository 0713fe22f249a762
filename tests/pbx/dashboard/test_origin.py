import asyncio

import pytest
from channels.testing import WebsocketCommunicator

from pbx.dashboard.origin import SameOrigin, is_same_origin


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://pbx.test:8000", "pbx.test:8000", True),
        ("https://pbx.test", "pbx.test", True),
        ("https://pbx.test", "pbx.test:443", True),
        ("http://PBX.test", "pbx.TEST", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://pbx.test:3000", "pbx.test:8000", False),
        ("https://evil.test", "pbx.test", False),
        ("https://pbx.test.evil.test", "pbx.test", False),
        ("https://evil.test@pbx.test.evil.test", "pbx.test", False),
        ("null", "pbx.test", False),
        ("file://", "", False),
        ("http://pbx.test:port", "pbx.test", False),
        ("http://", "", False),
    ],
)
def test_a_page_is_ours_when_it_has_the_host_that_was_asked_for(origin, host, same):
    assert is_same_origin(origin, host) is same


@pytest.mark.parametrize(
    ("_case", "host", "origin", "let_in"),
    [
        ("our page", "pbx.test:8000", "http://pbx.test:8000", True),
        ("no browser", "pbx.test:8000", None, True),
        ("a foreign page", "pbx.test:8000", "https://evil.test", False),
        ("another service on this host", "pbx.test:8000", "http://pbx.test:3000", False),
        ("a name that is not ours", "evil.test", "http://evil.test", False),
    ],
)
def test_a_socket_is_opened_by_our_pages_only(settings, _case, host, origin, let_in):
    settings.ALLOWED_HOSTS = ["pbx.test"]

    async def application(scope, receive, send):
        await send({"type": "websocket.accept"})

    async def scenario():
        headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin else [])
        page = WebsocketCommunicator(SameOrigin(application), "/ws/v1/events", headers=headers)
        connected, _ = await page.connect()
        return connected

    assert asyncio.run(scenario()) is let_in
