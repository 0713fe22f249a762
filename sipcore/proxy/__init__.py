"""The proxy core: validation, forwarding, response contexts, and what ties them together (RFC 3261 §16).

Pure: no I/O, no clock.

    caller <--> ServerTransaction                            ClientTransaction <--> phone
                        |                                          |
                  ServerRequest ------ ResponseContext ------< Branch

| Read | for |
|---|---|
| `core.py` | what drives it, and the words of the script; `events.py`: what it says; `edge.py`: what it is told once |
| `upcalls.py` | what the transaction layer reports, and where it goes; `validation.py`, `loops.py`: whether it goes anywhere |
| `request.py` | a request that the script has charge of, and our answers to it |
| `response_context.py` | its branches, and the one final response that comes of them; `best_response.py`, `cause.py`, `hold.py` |
| `target.py`, `dispatch.py`, `branch.py` | who is called, whether he is, and how far that has come |
| `takeover.py` | a picker's branches, which are to replace those there were |
| `farewell.py`, `ended_call.py` | a phone that answers, or comes, when the call is another's or over |
| `dialog_relay.py`, `dialog_routes.py` | requests within a dialog; `edge_hop.py`: those through here to a phone of this edge |
| `forwarding.py`, `flow_token.py` | the copy that goes out, and the token that leads back; `ownership.py`: to which worker |
| `originated.py` | what starts here |
| `connections.py`, `bug_log.py` | connections that close; faults of our own |
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
