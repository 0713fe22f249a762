"""Which calls have subscriptions that end with their dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from .request import RequestContext

__all__ = ["Dialogs"]


class Dialogs:
    """Requests by Call-ID and the caller's tag, for as long as a subscription holds on to them.

    A call that passes through here twice is known by its later passage.
    """

    def __init__(self) -> None:
        self._requests: WeakValueDictionary[tuple[str, str], RequestContext] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, context: RequestContext) -> None:
        """Something is bound to the dialog of this request."""
        self._requests[context.call_id, context.request.from_tag] = context

    def ended(self, call_id: str, from_tag: str) -> None:
        """A BYE went through."""
        context = self._requests.pop((call_id, from_tag), None)
        if context is not None:
            context.dialog_ended("dialog-ended")
