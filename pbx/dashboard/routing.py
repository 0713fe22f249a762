"""WebSocket addresses, and the one feed that serves all browsers of this process."""

from __future__ import annotations

from django.conf import settings
from django.urls import path

from .consumers import EventsConsumer
from .feed import CallFeed

__all__ = ["websocket_urlpatterns"]

websocket_urlpatterns = [path("ws/v1/events", EventsConsumer.as_asgi(feed=CallFeed(settings.REDIS_URL)))]
