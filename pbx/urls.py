"""What is served where; the pages themselves are in `pbx.dashboard`."""

from django.contrib import admin
from django.urls import include, path

from . import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("pbx.accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("pbx.api.urls")),
    path("", include("pbx.dashboard.urls")),
]
