"""Messages that are kept for phones that are away (RFC 3428): what is kept of one, and how it is delivered.

A message is kept as the context of a durable subscription to the registration of its addressee, so that it needs no store
of its own, has an end, and is delivered by exactly one worker. See `message` and `deliver` in the shipped script.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from ..syntax import Request, quote
from .phones import targets_of

if TYPE_CHECKING:
    from ..contract.location import Binding
    from .environment import Environment

__all__ = ["MAX_KEPT", "deliver_message", "kept_message"]

MAX_KEPT = 4000
"Octets of JSON, body and all; RFC 3428 §8 has messages over UDP stay below 1300."


def kept_message(request: Request, epoch: float) -> dict[str, Any] | None:
    """What is to be kept of a request, as plain JSON values; None when it is too long to be kept, or no text."""
    sender = request.from_
    name = f"{quote(sender.display_name)} " if sender.display_name else ""
    try:
        kept = {
            "from": f"{name}<{sender.uri_text}>",
            "to": f"<{request.to.uri_text}>",
            "content_type": request.header("content-type") or "text/plain",
            "body": request.body.decode(),
            "sent_at": epoch,
        }
        return kept if len(json.dumps(kept)) <= MAX_KEPT else None
    except UnicodeError:
        return None


async def deliver_message(environment: Environment, phone: Binding, message: Mapping[str, Any]) -> int:
    """Send a kept message to a phone, with the time it was sent at, and return the status that the phone answers."""
    answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def ended(status: int) -> None:
        if not answered.done():  # else the route was cancelled meanwhile
            answered.set_result(status)

    [target] = targets_of([phone], "event", environment.is_elsewhere)
    sent_at = datetime.fromtimestamp(int(message["sent_at"]), UTC)
    environment.core.originate(
        "MESSAGE",
        target,
        from_=message["from"],
        to=message["to"],
        headers=[("Date", format_datetime(sent_at, usegmt=True)), ("Content-Type", message["content_type"])],
        body=message["body"].encode(),
        ended=ended,
        now=environment.monotonic(),
    )
    environment.touched()
    return await answered
