"""What a message must have before anything is done with it (RFC 3261 §8.1.1, §16.3 step 1, §18.1.2).

Nearly all of that is known of a usual message (see `usual`). Of others the typed properties are asked.
"""

from __future__ import annotations

from ..errors import MalformedMessage
from .message import Message, Request, Response

__all__ = ["check_request", "check_response"]

_ONCE = ("call-id", "cseq", "from", "to", "max-forwards", "content-type", "expires")
"""Headers that hold one value (§20). A second one is refused when it is there: which one counts would be a matter of taste."""


def check_request(request: Request) -> None:
    """Raise MalformedMessage with what to answer: 505 for another version, 400 for all else.

    Max-Forwards may be missing: RFC 2543 elements do not send it, and §16.6 step 3 adds it.
    """
    if not request.usual_end:
        if request.version != "SIP/2.0":
            raise MalformedMessage("the version is not SIP/2.0", 505)
        _check_common(request)
        if request.cseq_method != request.method:
            raise MalformedMessage("the method in CSeq is not that of the request")
        _ = request.max_forwards
    if request.uri.headers:
        # §19.1.5, table 1: not allowed there. Passed on they would become headers of somebody else's request.
        raise MalformedMessage("the Request-URI has headers")


def check_response(response: Response) -> None:
    """Raise MalformedMessage with status_hint 0: responses are dropped, not answered."""
    try:
        if not response.usual_end:
            _check_common(response)
    except MalformedMessage as error:
        error.status_hint = 0
        raise


def _check_common(message: Message) -> None:
    keys = message.keys
    if len(set(keys)) != len(keys):
        for name in _ONCE:
            if keys.count(name) > 1:
                raise MalformedMessage(f"there is more than one {name} header")
    via = message.top_via
    if via.protocol != "SIP/2.0":
        raise MalformedMessage("the topmost Via is not of SIP/2.0")
    _ = message.call_id, message.cseq, message.from_, message.to
    # Read now, so that nobody behind meets a From or To without a URI. Unknown schemes are well.
    _ = message.from_.uri, message.to.uri
