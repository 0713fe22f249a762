"""A one-time password opens one page: the form that replaces it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

__all__ = ["password_change_required"]


def password_change_required(get_response: Callable[[HttpRequest], HttpResponse]):
    """Middleware: lead an account with a one-time password to the password form, whatever it asked for."""

    def respond(request: HttpRequest) -> HttpResponse:
        if not getattr(request.user, "must_change_password", False):
            return get_response(request)
        form = reverse("password_change")
        if request.path in {form, reverse("logout")} or request.path.startswith("/i18n/"):
            return get_response(request)
        if request.path.startswith("/api/"):  # a program does not follow a redirect to a form
            problem = {"title": "Password change required", "status": 403, "code": "password-change-required"}
            return JsonResponse(problem, status=403, content_type="application/problem+json")
        return redirect(form)

    return respond
