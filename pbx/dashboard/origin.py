"""Where a WebSocket may come from: a page of ours.

A browser sends the session cookie along whatever page opens the socket, so a foreign page would see the calls of whoever
visits it while signed in. Channels' own validator compares the Origin with ALLOWED_HOSTS, which lets in every other port of
this host, and everybody when it is `*`; the host that the browser itself has asked for tells exactly which page is ours.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

__all__ = ["SameOrigin"]

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class SameOrigin:
    """Refuse sockets opened by pages of other sites, or under a name that is not ours, with 403.

    No Origin means no browser, hence no foreign page.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        ours = validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
        if ours and (not origin or is_same_origin(origin, host) or origin in settings.CSRF_TRUSTED_ORIGINS):
            return await self._application(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page from `origin` asked for `host`. The scheme may differ: TLS may end in front of us."""
    try:
        page = urlsplit(origin)
        port = page.port or _DEFAULT_PORTS[page.scheme]
        asked = urlsplit(f"//{host}")
        asked_port = asked.port or _DEFAULT_PORTS[page.scheme]
    except (ValueError, KeyError):
        return False
    return bool(page.hostname) and (page.hostname, port) == (asked.hostname, asked_port)
