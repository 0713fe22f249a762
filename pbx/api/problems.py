"""Problem documents (RFC 9457): how the API says no."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

__all__ = ["Problem"]


class Problem(Exception):
    """An answer other than success. `code` is stable and for programs, `detail` a sentence for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field_errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self._more = ({"field_errors": dict(field_errors)} if field_errors else {}) | more
        self._headers = headers

    def response(self) -> JsonResponse:
        """The document as an answer."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self._more,
        }
        response = JsonResponse(
            body, status=self.status, content_type="application/problem+json", headers=self._headers
        )
        response._has_been_logged = True  # the caller is told; Django would log an error for each 503
        return response
