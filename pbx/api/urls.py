"""Addresses of the API, out of its table."""

from django.urls import path, re_path

from . import views
from .resources import RESOURCES

app_name = "api"

urlpatterns = [
    path("v1/openapi.json", views.openapi, name="openapi"),
    path("v1/docs", views.docs, name="docs"),
    *(path(f"v1/{resource.path}", resource.view(), name=resource.name) for resource in RESOURCES),
    re_path("", views.nothing_here, name="nothing_here"),
]
