"""What one call costs in the core: bytes in, bytes out, no sockets.

    python benchmarks/core.py [calls]

A call is INVITE 100 180 200 ACK BYE 200 between two UDP phones, forked to one target, with Record-Route, 13 datagrams
at the proxy, as in docs/design. The messages of both phones are prepared from what the core sends, and only the core's
share is timed: parsing, `receive_message`, `fork`, events, `messages_to_send`. The clock of the machine may change, so
it is run in rounds and the best and the median are printed; where other processes share the caches, compare with the
share of `parse_message`, which is `benchmarks/syntax.py`'s own. Memory is what a call that rings keeps, by tracemalloc.
"""

from __future__ import annotations

import gc
import itertools
import statistics
import sys
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sipcore.contract.flow import Flow
from sipcore.proxy import Edge, ProxyCore, RequestReceived, Target
from sipcore.syntax import make_response, parse_message

PBX = "192.0.2.1:5060"
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n" + (
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)


def invite(number: int) -> bytes:
    head = (
        "INVITE sip:bob@example.org SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKcall{number};rport=5060;received=192.0.2.10\r\n"
        "Max-Forwards: 70\r\n"
        f'From: "Alice" <sip:alice@example.org>;tag=a{number}\r\n'
        "To: <sip:bob@example.org>\r\n"
        f"Call-ID: {number}-6f1c2a90@192.0.2.10\r\n"
        "CSeq: 20 INVITE\r\n"
        "Contact: <sip:alice@192.0.2.10:5060>\r\n"
        "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, REFER, NOTIFY\r\n"
        "Supported: replaces, outbound, timer\r\n"
        "User-Agent: benchmark\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(SDP)}\r\n\r\n"
    )
    return head.encode() + SDP


def in_dialog(method: str, number: int, route: str) -> bytes:
    return (
        f"{method} sip:bob@192.0.2.20:5070 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{method}{number};rport=5060;received=192.0.2.10\r\n"
        f"Route: {route}\r\n"
        "Max-Forwards: 70\r\n"
        f'From: "Alice" <sip:alice@example.org>;tag=a{number}\r\n'
        f"To: <sip:bob@example.org>;tag=b{number}\r\n"
        f"Call-ID: {number}-6f1c2a90@192.0.2.10\r\n"
        f"CSeq: {20 if method == 'ACK' else 21} {method}\r\n"
        "User-Agent: benchmark\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


class Bench:
    """A core and the two phones, which cost nothing that is counted."""

    def __init__(self) -> None:
        tokens = (f"T{number:015x}" for number in itertools.count())
        edge = Edge("w1", {"udp": ("192.0.2.1", 5060)}, frozenset({"example.org"}), b"0123456789abcdef")
        self.core = ProxyCore(edge, tokens.__next__)
        self.now = 1000.0
        self.alice = Flow("udp", "192.0.2.10", 5060)
        self.target = Target("sip:bob@192.0.2.20:5070;ob", Flow("udp", "192.0.2.20", 5070), "bob-1", "bob@example.org")
        self.spent = 0.0
        self.parsing = 0.0

    def feed(self, data: bytes, flow: Flow) -> list[bytes]:
        """One datagram through the core, timed; what it sends."""
        core, now = self.core, self.now
        begin = time.perf_counter()
        message = parse_message(data)
        self.parsing += time.perf_counter() - begin
        core.receive_message(message, flow, now)
        while (event := core.next_event()) is not None:
            if type(event) is RequestReceived:
                core.fork(event.request, (self.target,), now=now, ring_seconds=45.0)
        sent = [message.data for message in core.messages_to_send()]
        core.get_timer()
        self.spent += time.perf_counter() - begin
        return sent

    def ring(self, number: int) -> tuple[bytes, bytes]:
        """A call up to 180; the INVITE as the callee got it, and the 180 that the caller got."""
        sent = self.feed(invite(number), self.alice)
        assert len(sent) == 2, sent
        out = sent[0]
        request = parse_message(out)
        recorded = [("Record-Route", value) for value in request.headers("record-route")]
        contact = ("Contact", "<sip:bob@192.0.2.20:5070;ob>")
        tag = f"b{number}"
        self.feed(make_response(request, 100).raw, self.target.flow)
        (ringing,) = self.feed(make_response(request, 180, None, [*recorded, contact], tag).raw, self.target.flow)
        self.answer = make_response(request, 200, None, [*recorded, contact], tag, SDP, "application/sdp").raw
        return out, ringing

    def call(self, number: int) -> None:
        """A whole call."""
        self.ring(number)
        (answer,) = self.feed(self.answer, self.target.flow)
        route = parse_message(answer).headers("record-route")[0]
        (ack,) = self.feed(in_dialog("ACK", number, route), self.alice)
        assert ack.startswith(b"ACK sip:bob@192.0.2.20")
        (bye,) = self.feed(in_dialog("BYE", number, route), self.alice)
        (done,) = self.feed(make_response(parse_message(bye), 200).raw, self.target.flow)
        assert done.startswith(b"SIP/2.0 200")


def measure_time(calls: int, rounds: int = 7) -> list[tuple[float, float]]:
    """Microseconds a call, and of these for `parse_message`; one pair a round. Timers run in between: every call is torn down as it would be."""
    bench = Bench()
    numbers = itertools.count()
    for _ in range(200):
        bench.call(next(numbers))
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    figures = []
    for _ in range(rounds):
        bench.spent = bench.parsing = 0.0
        for _ in range(calls):
            bench.call(next(numbers))
            bench.now += 0.001
            begin = time.perf_counter()
            bench.core.handle_timer(bench.now)
            bench.spent += time.perf_counter() - begin
        figures.append((bench.spent / calls * 1e6, bench.parsing / calls * 1e6))
    return figures


def measure_memory(calls: int = 1000) -> float:
    """Bytes that a ringing call keeps."""
    bench = Bench()
    for number in range(100):
        bench.ring(number)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1000, 1000 + calls):
        bench.ring(number)
    gc.collect()
    size = (tracemalloc.get_traced_memory()[0] - before) / calls
    tracemalloc.stop()
    return size


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"memory of a ringing call: {measure_memory() / 1000:.1f} kB")
    figures = measure_time(calls)
    best, parsing = min(figures)
    median = statistics.median(figure for figure, _ in figures)
    print(f"a call through the core: best {best:.0f} µs, {parsing:.0f} of them parsing; median {median:.0f} µs")


if __name__ == "__main__":
    main()
