"""The words a routing script may use, and the loading and running of one.

A script imports from here and from `sipcore.contract.events`, and from nowhere else of this project. See
`sipcore/routes/pbx.py` for the one that is shipped.
"""

from ..ebr import glob
from .request import RequestContext
from .route_table import event_route, request_route
from .transaction import TransactionRef

__all__ = ["RequestContext", "TransactionRef", "event_route", "glob", "request_route"]
