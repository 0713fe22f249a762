"""What transactions cost: microseconds of CPU and bytes per life, without parsing and without a network.

    python -m benchmarks.transaction [--rounds 5]

A life is one server and one client transaction, as one proxied request makes: received, forwarded, answered, passed back,
and the timers run out. Requests and responses are parsed beforehand, `send` does nothing; what remains is the layer,
the machines and the queue. Lives overlap as they do at 1000 requests a second, so that the queue has its usual size.
The median of the rounds is printed: this machine's clock wanders.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
import tracemalloc

from sipcore.contract.flow import Flow
from sipcore.syntax import Request, Response, make_ack, make_response, parse_message
from sipcore.transaction import TimerQueue, Timers, TransactionLayer

LIVES = 400
"At a time: as many as keeps the messages in the processor's cache, where those just received are."
REPEATS = 10
RATE = 1000.0
ALICE, BOB = Flow("udp", "192.0.2.1", 5060), Flow("udp", "192.0.2.2", 5060)

TEMPLATE = (
    "{method} sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK-{branch}\r\nMax-Forwards: 70\r\n"
    "From: <sip:alice@example.org>;tag=alice\r\nTo: <sip:bob@example.org>\r\nCall-ID: {branch}\r\nCSeq: 1 {method}\r\n"
    "Content-Length: 0\r\n\r\n"
)

Life = tuple[Request, Request, list[tuple[Response, Response]], Request | None]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    for method, statuses in (("INVITE", (100, 180, 200)), ("INVITE", (100, 180, 486)), ("BYE", (200,))):
        figures = [measure(method, statuses) for _ in range(rounds)]
        print(
            f"{method} {statuses[-1]}: {statistics.median(figures):6.1f} µs a pair  {memory(method, statuses):6.0f} bytes"
        )


def measure(method: str, statuses: tuple[int, ...]) -> float:
    """Microseconds for one pair."""
    lives = make_lives(method, statuses, LIVES)
    gc.collect()
    gc.disable()
    try:
        before = time.process_time()
        for _ in range(REPEATS):
            run(lives)
        return (time.process_time() - before) / LIVES / REPEATS * 1e6
    finally:
        gc.enable()


def memory(method: str, statuses: tuple[int, ...]) -> float:
    """Bytes that one pair holds while it absorbs retransmissions, without its messages."""
    lives = make_lives(method, statuses, 1000)
    tracemalloc.start()
    kept = run(lives, to_the_end=False)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return size / 1000


def make_lives(method: str, statuses: tuple[int, ...], count: int) -> list[Life]:
    lives = []
    for number in range(count):
        received, forwarded = (
            parse_message(TEMPLATE.format(method=method, via=via, branch=f"{via}-{number}").encode())
            for via in ("192.0.2.1", "192.0.2.9")
        )
        answers = [(read(make_response(forwarded, s, to_tag="b")), read(make_response(received, s))) for s in statuses]
        ack = read(make_ack(received, answers[-1][1])) if method == "INVITE" and statuses[-1] >= 300 else None
        lives.append((read(received), read(forwarded), answers, ack))
    return lives


def read(message: Request | Response) -> Request | Response:
    """Read the headers that make up a key, so that their cost is not counted here."""
    message.branch, message.top_via, message.cseq_method  # noqa: B018
    return message


def run(lives: list[Life], *, to_the_end: bool = True) -> TransactionLayer:
    user, queue = User(), TimerQueue()
    layer = TransactionLayer(user, lambda data, flow, transaction: None, Timers(), queue)
    user.layer = layer
    now = 0.0
    for received, forwarded, answers, ack in lives:
        now += 1 / RATE
        queue.fire(now)
        layer.receive_request(received, ALICE, now)
        server = user.server
        layer.start_client(forwarded, BOB, now, server)
        for response, user.answer in answers:
            layer.receive_response(response, BOB, now)
        if ack is not None:
            layer.receive_request(ack, ALICE, now)
    if to_the_end:
        queue.fire(now + 100)
        assert layer.client_count == layer.server_count == 0
    return layer


class User:
    """A proxy that passes every response back."""

    layer: TransactionLayer
    answer: Response

    def request_received(self, transaction, now):
        self.server = transaction

    def response_received(self, transaction, response, now):
        self.layer.respond(transaction.user, self.answer, now)

    def acknowledged(self, transaction, now):
        pass

    def server_terminated(self, transaction, now):
        pass


if __name__ == "__main__":
    main()
