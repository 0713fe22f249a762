"""Tickets for the WebSocket."""

from __future__ import annotations

from typing import Any

from ..schemas import INTEGER, STRING, an_object
from ..scopes import EVENTS_READ
from ..table import Call, Operation, Resource
from ..tickets import TICKET_SECONDS, make_ticket

__all__ = ["TICKETS"]


def issue(call: Call) -> dict[str, Any]:
    """Make one."""
    ticket = make_ticket(call.caller.account_id, call.caller.token_id)
    return {"ticket": ticket, "expires_in": TICKET_SECONDS, "path": f"/ws/v1/events?ticket={ticket}"}


TICKETS = Resource(
    "websocket-tickets",
    "websocket_tickets",
    "A ticket opens /ws/v1/events once, within seconds: a bearer token has no place in an address. The socket takes "
    '{"op": "subscribe", "topics": ["events"], "filter": {"call": …}, "resume_from": {"events": cursor}} and gives a snapshot or what was '
    'missed, then numbered events with their cursors; answer each ping with {"op": "pong"}',
    (
        Operation(
            "POST",
            "A ticket for the WebSocket of events",
            EVENTS_READ,
            issue,
            returns=an_object({"ticket": STRING, "expires_in": INTEGER, "path": STRING}),
        ),
    ),
)
