"""Addresses with something that looks like the API."""

from django.http import JsonResponse
from django.urls import include, path

urlpatterns = [
    path("api/v1/anything", lambda request: JsonResponse({})),
    path("", include("pbx.urls")),
]
