"""The words a routing script may use, and the loading and running of one.

A script imports from here and from `sipcore.contract.events`, and from nowhere else of this project. See
`sipcore/routes/pbx.py` for the one that is shipped.
"""

from ..ebr import any_of, escape_glob, ge, glob, gt, le, lt, ne, one_of, regex
from .custom_events import declare_event
from .request import RequestContext
from .route_table import branch_route, event_route, on_event, reply_route, request_route
from .server_ref import RegistrationRef, ServerRef
from .transaction import TransactionRef

__all__ = [
    "RegistrationRef",
    "RequestContext",
    "ServerRef",
    "TransactionRef",
    "any_of",
    "branch_route",
    "declare_event",
    "escape_glob",
    "event_route",
    "ge",
    "glob",
    "gt",
    "le",
    "lt",
    "ne",
    "on_event",
    "one_of",
    "regex",
    "reply_route",
    "request_route",
]
