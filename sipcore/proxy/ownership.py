"""Which worker has charge of a message, of several that listen at one port.

The kernel spreads datagrams over siblings by the addresses of both ends (SO_REUSEPORT), so that what one phone sends comes to one
worker, and what two phones of a call send may come to two. The one that took the INVITE has charge of all that follows: it made
the Via branches of its responses, and its name stands behind the token in Record-Route. The name is not signed, for it
gives no right: a sibling that is named wrongly does with the message what this worker would have done.
"""

from __future__ import annotations

import re

from ..syntax import Request, Response
from .loops import owner_of_branch

__all__ = ["owner_of"]

_OWNER = re.compile(r"<sip:[A-Za-z0-9_-]+\.([A-Za-z0-9_~-]+)@")


def owner_of(message: Request | Response) -> str:
    """The worker that has the transaction of a response, or the dialog of a request; empty when nothing says so."""
    if isinstance(message, Response):
        return owner_of_branch(message.branch)
    if message.has("route"):
        match = _OWNER.match(message.route_lines[0])
        if match is not None:
            return match[1]
    return ""
