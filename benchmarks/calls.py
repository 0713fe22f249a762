"""Microseconds that the call tracker adds to one call, best of several rounds: python benchmarks/calls.py

The call: known, forked to one phone, rings, is answered, ends with a BYE; four turns of the driver.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from sipcore.calls import CallTracker
from sipcore.contract.flow import Flow
from sipcore.proxy.branch import Branch
from sipcore.proxy.events import (
    BranchAdded,
    BranchFinal,
    BranchProvisional,
    DialogEnded,
    FinalSent,
    RequestReceived,
    RequestTerminated,
)
from sipcore.proxy.request import ServerRequest
from sipcore.proxy.target import Target
from sipcore.syntax import check_request, parse_message

FLOW = Flow("udp", "198.51.100.7", 5060)
EPOCH = 1_800_000_000.0
CALLS = 2000


def make_call(number: int) -> tuple[ServerRequest, list[list[Any]]]:
    """A request, and the core's events about it, turn by turn."""
    message: Any = parse_message(
        (
            "INVITE sip:102@pbx.example SIP/2.0\r\n"
            "Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK1\r\n"
            "From: Alice <sip:101@pbx.example>;tag=alice\r\n"
            "To: <sip:102@pbx.example>\r\n"
            f"Call-ID: call-{number}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        ).encode()
    )
    check_request(message)
    transaction: Any = SimpleNamespace(is_final=False)
    core: Any = None
    request = ServerRequest(core, message, FLOW, transaction, f"r{number}", f"c{number}")
    context: Any = None
    branch = Branch("1", Target("sip:102@192.0.2.4", FLOW, aor="102@pbx.example"), context)
    return request, [
        [RequestReceived(request), BranchAdded(request, branch)],
        [BranchProvisional(request, branch, 180)],
        [BranchFinal(request, branch, 200), FinalSent(request, 200, "OK", "branch", branch)],
        [DialogEnded(f"call-{number}", "alice", "bob", by_tag="bob"), RequestTerminated(request)],
    ]


def main() -> None:
    best = float("inf")
    for _ in range(5):
        tracker = CallTracker("w0")
        calls = [make_call(number) for number in range(CALLS)]
        begin = time.perf_counter()
        for request, turns in calls:
            tracker.call_known(
                request,
                caller="101@pbx.example",
                caller_name="Alice",
                callee="102@pbx.example",
                dialled="102",
                epoch=EPOCH,
            )
            for turn in turns:
                for event in turn:
                    tracker.core_event(event, EPOCH)
                tracker.drain()
        best = min(best, time.perf_counter() - begin)
    print(f"{best / CALLS * 1e6:8.2f} us  one answered call, from INVITE to BYE")


if __name__ == "__main__":
    main()
