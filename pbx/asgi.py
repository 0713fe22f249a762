"""The ASGI application: pages over HTTP, the live board over WebSocket."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbx.settings")

from django.core.asgi import get_asgi_application

pages = get_asgi_application()  # loads the apps; what follows needs their models

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from pbx.dashboard.origin import SameOrigin  # noqa: E402
from pbx.dashboard.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
