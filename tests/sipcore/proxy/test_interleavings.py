"""Whatever the order of events, a few things hold (H107, H108).

A caller, four phones and a picker do as they please, while messages are lost, repeated and overtaken, connections
close and time passes. Then everybody is left to finish in peace, and it must be found that

- the caller has had exactly one final response, and FinalSent was said exactly once;
- every phone that was sent an INVITE and took part has had its closure: an ACK for what it answered, and for a 2xx that
  was not given to the caller a BYE;
- no phone rings twice for one call;
- every takeover that was asked for has ended once;
- nothing is left in the core, its transactions and its timers.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipcore.contract.flow import Flow
from sipcore.errors import TooLate
from sipcore.proxy import (
    FinalSent,
    HoldClosed,
    HoldOpened,
    Policy,
    RequestTerminated,
    TakeoverEnded,
    Target,
)
from sipcore.syntax import Request, Response
from tests.support import sip
from tests.support.network import Sent
from tests.support.sip import ALICE

from .world import World, target

PHONES = [
    target(
        f"p{number}",
        Flow("udp" if number < 2 else "tcp", f"192.0.2.{50 + number}", 5060, "" if number < 2 else f"c{number}"),
    )
    for number in range(4)
]
PICKER = target("picker", Flow("udp", "192.0.2.60", 5060), source="pickup")
EVERYBODY = [*PHONES, PICKER]

actions = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *["inject", "provisional", "final", "answer", "wait", "deliver"] * 3,
                *["hold", "no-more", "fork", "ring-out", "lose", "repeat", "takeover", "refresh"] * 2,
                *["cancel", "retransmit", "close", "hang-up", "unsent", "reply"],
            ]
        ),
        st.integers(0, 4),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=30,
)


class Phone:
    """A phone's server transactions, by branch: what it has said to each INVITE, and what it has got."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.invites: dict[str, Request] = {}
        self.final: dict[str, int] = {}
        self.acknowledged: set[str] = set()
        self.stale: set[str] = set()
        self.answered: set[str] = set()
        "To-tags of its 2xx."
        self.acked_tags: set[str] = set()
        self.acked_branches: set[str] = set()
        self.byes: set[str] = set()


class Chaos:
    """One run."""

    def __init__(self, policy: Policy) -> None:
        self.world = World(policy)
        self.phones = {target.flow.host: Phone(target) for target in EVERYBODY}
        self.finals_to_caller: list[Response] = []
        self.registered = 0.0
        self.takeovers = 0
        self.lost_for_caller = False
        self.closed: set[str] = set()
        self.world.call()
        self.deliver()

    # the network

    def deliver(self) -> None:
        """Everything in flight arrives; phones answer CANCEL and BYE, the caller acknowledges, at once."""
        for _ in range(50):
            taken = self.world.network.take()
            if not taken:
                return
            for sent in taken:
                self.arrives(sent)

    def arrives(self, sent: Sent) -> None:
        if sent.flow.connection in self.closed and sent.flow.connection:
            self.world.core.transport_failed(sent.transaction, self.world.now)
            self.world.pump()
            return
        message = sent.message
        if sent.flow.host == ALICE.host:
            self.caller_gets(message)
        else:
            self.phone_gets(self.phones[sent.flow.host], message, sent.flow)

    def caller_gets(self, message: Request | Response) -> None:
        if isinstance(message, Response) and message.cseq_method == "INVITE" and message.status >= 200:
            self.finals_to_caller.append(message)
            if message.status >= 300:
                self.world.receive(sip.ack(self.world.invite, message.raw), ALICE)
            else:
                self.world.dialog("ACK", cseq=1)

    def phone_gets(self, phone: Phone, message: Request | Response, flow: Flow) -> None:
        if not isinstance(message, Request):
            return
        branch = message.top_via.branch
        if message.method == "INVITE":
            phone.invites[branch] = message
        elif message.method == "ACK":
            phone.acknowledged.add(branch)
            phone.acked_tags.add(message.to_tag)
            phone.acked_branches.add(message.to_tag.partition(":")[2].partition("-")[2])
        elif message.method == "BYE":
            phone.byes.add(message.to_tag)
            self.world.receive(sip.response(message.raw, 200), flow)
        elif message.method == "CANCEL":
            self.world.receive(sip.response(message.raw, 200), flow)
            if branch in phone.invites and branch not in phone.final:
                self.respond(phone, branch, 487)

    def respond(self, phone: Phone, branch: str, status: int) -> None:
        invite = phone.invites[branch]
        tag = f"{phone.target.key}-{branch}"
        if phone.final.get(branch, 0) and phone.final[branch] != status:
            return
        if (branch, "INVITE") not in self.world.core.layer._clients:
            if branch not in phone.final:
                phone.stale.add(branch)  # silent for longer than anybody waits: what it says now is a stray
            return
        if status >= 200:
            phone.final[branch] = status
            if status < 300:
                phone.answered.add(tag)
        self.world.receive(
            sip.response(invite.raw, status, to_tag=tag, contact=f"<{phone.target.uri}>"), phone.target.flow
        )

    def pass_time(self, seconds: float) -> None:
        """Phones repeat their finals until they have an ACK, as RFC 3261 §13.3.1.4 and §17.2.1 ask of them."""
        while seconds > 0:
            for phone in self.phones.values():
                for branch, status in phone.final.items():
                    if branch not in (phone.acknowledged if status >= 300 else phone.acked_branches):
                        self.respond(phone, branch, status)
            self.world.advance(min(seconds, 4.0))
            seconds -= 4.0

    # what may happen

    def act(self, name: str, who: int, choice: int) -> None:
        world, target = self.world, EVERYBODY[who]
        core, request = world.core, world.request
        phone = self.phones[target.flow.host]
        pending = [branch for branch in phone.invites if branch not in phone.final]
        with contextlib.suppress(TooLate):
            if name == "fork":
                if not request.is_final:
                    core.fork(request, PHONES[: who + 1], now=world.now, ring_seconds=[None, 5, 20][choice % 3])
            elif name == "inject":
                core.inject_branches(request, [target], now=world.now, last=choice == 5)
            elif name == "refresh":
                self.registered += 1
                flow = target.flow._replace(port=5060 + choice % 2) if not target.flow.connection else target.flow
                late = Target(target.uri, flow, target.key, registered_at=self.registered, source="event")
                core.inject_branches(request, [late], now=world.now)
            elif name == "takeover":
                mode = ["when_ringing", "after_answer", "at_once"][choice % 3]
                self.takeovers += not (request.is_final or request.is_gone)
                core.inject_branches(request, [PICKER], now=world.now, cancel=mode, token=str(self.takeovers))
            elif name == "hold":
                core.wait_for_new_branches(request, 3.0 * (choice + 1), now=world.now, branches=who or None)
            elif name == "no-more":
                core.wait_no_more_branches(request, now=world.now)
            elif name == "hang-up":
                if not request.is_final:
                    core.reply(request, 480, now=world.now)
            elif name == "reply" and not request.is_final:
                core.reply(request, [180, 183, 100, 486, 404, 302][choice], now=world.now)
        if name == "provisional" and pending:
            self.respond(phone, pending[-1], [100, 180, 183, 182, 199, 180][choice])
        elif name == "final" and pending:
            self.respond(phone, pending[0], [486, 603, 480, 503, 408, 404][choice])
        elif name == "answer" and pending:
            self.respond(phone, pending[0], 200)
        elif name == "repeat" and phone.final:
            branch, status = next(iter(phone.final.items()))
            self.respond(phone, branch, status)
        elif name == "cancel":
            world.cancels()
        elif name == "retransmit" and not request.is_gone:
            world.receive(world.invite, ALICE)
        elif name == "wait":
            self.pass_time([0.1, 0.5, 2.0, 5.1, 16.0, 40.0][choice])
        elif name == "ring-out":
            self.pass_time(33.0)
        elif name == "lose" and not target.flow.connection:
            world.pump()
            if choice == 5:  # a 2xx is repeated by its phone only, once all are in peace
                self.lost_for_caller = True  # perhaps every copy that there would ever be
                world.network.lose(lambda sent: sent.flow.host == ALICE.host and sent.kind != "200")
            else:
                world.network.lose(lambda sent: sent.flow.host == target.flow.host)
        elif name == "close" and target.flow.connection:
            self.closed.add(target.flow.connection)
            core.flow_closed(target.flow, world.now)
        elif name == "unsent":
            world.pump()
            # An ACK or a BYE that cannot be sent leaves a phone alone with it, which no proxy can help.
            for sent in world.network.take(
                lambda sent: sent.flow.host == target.flow.host and sent.kind in ("INVITE", "CANCEL")
            ):
                core.transport_failed(sent.transaction, world.now)
        world.pump()
        if name == "deliver":
            self.deliver()
        if request.context is not None:
            ringing = [branch.target.device_key for branch in request.context.branches if branch.is_live]
            assert len(ringing) == len(set(ringing)), ringing

    def finish(self) -> None:
        """Nothing more happens but what must: messages arrive, and time passes."""
        world = self.world
        self.deliver()
        if not world.request.is_final and world.request.context is None:
            world.core.reply(world.request, 500, now=world.now)  # what the runner of scripts does
            world.pump()
        for _ in range(80):
            self.deliver()
            self.pass_time(4.0)
        self.deliver()

    def check(self) -> None:
        world = self.world
        finals = {(response.status, response.to_tag) for response in self.finals_to_caller}
        status = world.one(FinalSent).status
        assert {status for status, _ in finals} == {status} or (self.lost_for_caller and not finals)
        assert len(finals) <= 1, finals
        tag = next((tag for _, tag in finals), "")
        assert status not in (408, 503, 487) or world.request.is_cancelled
        assert len(world.got(RequestTerminated)) == 1
        for phone in self.phones.values():
            if phone.target.flow.connection in self.closed and phone.target.flow.connection:
                continue
            for branch, final in phone.final.items():
                if final >= 300 and branch not in phone.stale:
                    assert branch in phone.acknowledged, (phone.target.uri, branch, final)
            for answer in phone.answered - {f"{phone.target.key}-{branch}" for branch in phone.stale}:
                assert answer in phone.acked_tags, (phone.target.uri, answer)
                assert (answer in phone.byes) == (answer != tag), (phone.target.uri, answer)
        asked = Counter(event.token for event in world.got(TakeoverEnded))
        assert all(count == 1 for count in asked.values())
        assert len(asked) == self.takeovers
        assert len(world.got(HoldClosed)) <= len(world.got(HoldOpened))
        assert world.is_empty()


@pytest.mark.acceptance("H107")
@pytest.mark.acceptance("H108")
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=actions, global_decline=st.booleans())
def test_any_interleaving_ends_well(script: list[tuple[str, int, int]], global_decline: bool) -> None:
    chaos = Chaos(Policy(call_deadline=60, global_decline=global_decline))
    for name, who, choice in script:
        chaos.act(name, who, choice)
    chaos.finish()
    chaos.check()


@pytest.mark.acceptance("H107")
def test_a_thousand_random_interleavings_end_well() -> None:
    """Ten thousand more do in tests/acceptance, which takes its time."""
    for seed in range(1000):
        interleave(seed)


def interleave(seed: int) -> None:
    """One random interleaving, the same for the same seed, and all that must hold at its end."""
    names = [
        "inject",
        "provisional",
        "final",
        "answer",
        "deliver",
        "wait",
        "hold",
        "fork",
        "takeover",
        "refresh",
        "cancel",
    ]
    random = Random(seed)
    chaos = Chaos(Policy(call_deadline=60))
    for _ in range(random.randrange(4, 16)):
        chaos.act(random.choice(names), random.randrange(5), random.randrange(6))
        if random.random() < 0.5:
            chaos.deliver()
    chaos.finish()
    chaos.check()
