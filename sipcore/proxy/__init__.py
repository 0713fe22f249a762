"""The proxy core: validation, forwarding, response contexts, and what ties them together (RFC 3261 §16).

Pure: no I/O, no clock. Start reading at `core.py`; `response_context.py` is one forked request.
"""

from .branch import BRANCH_STATES, Branch
from .core import Outbound, ProxyCore
from .edge import Edge, Limits, Policy
from .events import (
    Acknowledged,
    BranchAdded,
    BranchCancelled,
    BranchFinal,
    BranchProvisional,
    CoreEvent,
    DialogEnded,
    FinalSent,
    HoldClosed,
    HoldOpened,
    InjectRejected,
    RequestCancelled,
    RequestReceived,
    RequestTerminated,
    TakeoverEnded,
    TakeoverStarted,
)
from .loops import owner_of_branch
from .request import ServerRequest
from .target import SOURCES, Target

__all__ = [
    "BRANCH_STATES",
    "SOURCES",
    "Acknowledged",
    "Branch",
    "BranchAdded",
    "BranchCancelled",
    "BranchFinal",
    "BranchProvisional",
    "CoreEvent",
    "DialogEnded",
    "Edge",
    "FinalSent",
    "HoldClosed",
    "HoldOpened",
    "InjectRejected",
    "Limits",
    "Outbound",
    "Policy",
    "ProxyCore",
    "RequestCancelled",
    "RequestReceived",
    "RequestTerminated",
    "ServerRequest",
    "TakeoverEnded",
    "TakeoverStarted",
    "Target",
    "owner_of_branch",
]
