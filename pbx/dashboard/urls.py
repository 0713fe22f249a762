"""Addresses of the pages. Each app has its own; the dashboard is what joins them."""

from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.i18n import JavaScriptCatalog

from . import views

# The page's language is part of the address, so that a change of language is never answered from a cache.
words = cache_control(private=True, max_age=300)(JavaScriptCatalog.as_view())

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("events/", views.events, name="events"),
    path("events/log.json", views.events_json, name="events_json"),
    path("events/export.jsonl", views.events_export, name="events_export"),
    path("events/of/<str:uid>.json", views.call_events_json, name="call_events_json"),
    path("counters.json", views.counters_json, name="counters_json"),
    path("i18n/words.js", words, name="words"),
    path("", include("pbx.subscribers.urls")),
    path("", include("pbx.push.urls")),
    path("", include("pbx.calls.urls")),
    path("", include("pbx.inspector.urls")),
    path("", include("pbx.audit.urls")),
]
