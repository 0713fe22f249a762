"""Trying targets in turn, and looking at branches and replies, also of phones that are injected."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_BRANCH_ADDED, E_INJECT_REJECTED, E_UL_CONTACT_INSERT

from .scripted import Start, said

IN_TURN = """
@request_route("INVITE")
async def invite(request):
    first = await request.try_targets(await request.lookup(request.request_aor), ring_seconds=10)
    await request.raise_event(E_NOTE, said=f"{first.status} {first.reason}")
    if first.is_answered:
        return
    second = await request.try_targets(await request.lookup("103@pbx.example"))
    await request.raise_event(E_NOTE, said=str(second.status))
    if second.status == 603:
        request.reply(486, "Busy Everywhere")
"""


def test_the_line_after_the_word_is_the_failure_route(script: Start) -> None:
    with script(IN_TURN) as world:
        alice, bob, carol = world.phone("101"), world.phone("102"), world.phone("103")
        call = alice.call("102")
        bob.decline(486)
        assert said(world) == ["486 Busy Here"]
        assert 486 not in call.statuses
        assert carol.rings
        carol.answer()
        assert call.status == 200
        assert said(world)[1:] == ["200"]
        call.hang_up()


def test_the_script_may_answer_otherwise(script: Start) -> None:
    with script(IN_TURN) as world:
        alice, bob, carol = world.phone("101"), world.phone("102"), world.phone("103")
        bob.declines_with = carol.declines_with = 603
        call = alice.call("102")
        assert (call.final().status, call.responses[-1].reason) == (486, "Busy Everywhere")
        assert said(world) == ["603 Decline", "603"]


def test_without_another_word_the_caller_gets_the_best_response(script: Start) -> None:
    with script(IN_TURN) as world:
        alice, bob, carol = world.phone("101"), world.phone("102"), world.phone("103")
        bob.declines_with, carol.declines_with = 486, 404
        assert alice.call("102").final().status == 404
        assert said(world) == ["486 Busy Here", "404"]


def test_an_answer_is_forwarded_at_once(script: Start) -> None:
    with script(IN_TURN) as world:
        alice, bob = world.phone("101"), world.phone("102")
        call = alice.call("102")
        bob.answer()
        assert call.status == 200
        assert said(world) == ["200 OK"]
        call.hang_up()


def test_a_phone_that_nobody_answers_is_given_up_after_its_time(script: Start) -> None:
    with script(IN_TURN) as world:
        alice, bob, carol = world.phone("101"), world.phone("102"), world.phone("103")
        call = alice.call("102")
        world.advance(10)
        assert said(world) == ["480 Temporarily Unavailable"]
        assert len(bob.cancels) == 1
        assert carol.rings
        call.cancel()
        world.advance(0.1)
        assert call.status == 487
        assert len(said(world)) == 1  # the route ended where it waited


def test_nobody_to_try_is_a_failure_like_another(script: Start) -> None:
    with script(IN_TURN) as world:
        assert world.phone("101").call("102").final().status == 480
        assert said(world) == ["480 Temporarily Unavailable", "480"]


def test_a_caller_who_gives_up_ends_the_route_and_its_phones(script: Start) -> None:
    with script(IN_TURN) as world:
        alice, bob = world.phone("101"), world.phone("102")
        call = alice.call("102")
        call.cancel()
        world.advance(0.1)
        assert (call.status, len(bob.cancels), said(world)) == (487, 1, [])


def test_the_call_may_run_out_of_time_while_the_script_waits(script: Start) -> None:
    text = IN_TURN.replace("ring_seconds=10", "ring_seconds=500")
    with script(text, ring_seconds=30, wake_seconds=10) as world:
        alice, bob = world.phone("101"), world.phone("102")
        call = alice.call("102")
        assert bob.rings
        world.advance(40)
        assert (call.status, said(world)) == (480, [])


def test_a_hold_is_waited_for_and_phones_that_join_meanwhile(script: Start) -> None:
    text = """
@request_route("INVITE")
async def invite(request):
    request.wait_for_new_branches(5)
    await request.notify_on_event(ARRIVALS, {"aor": "102@pbx.example"}, join, 20)
    tried = await request.try_targets(await request.lookup("102@pbx.example"))
    await request.raise_event(E_NOTE, said=str(tried.status))

@event_route
async def join(event, call):
    call.inject_branches([event.binding])
"""
    with script(text) as world:
        alice, bob, tablet = world.phone("101"), world.phone("102"), world.phone("102", registered=False)
        bob.declines_with = 486
        call = alice.call("102")
        world.advance(1)
        tablet.register()
        world.advance(5)
        assert said(world) == []
        assert tablet.rings
        tablet.decline(600)
        assert said(world) == ["486"]
        assert call.final().status == 486


HOOKS = """
@request_route("INVITE")
async def invite(request):
    request.call(await request.subscriber("102@pbx.example"))
    request.on_branch(mark)
    request.on_reply(look)
    request.wait_for_new_branches(20)
    await request.notify_on_event(ARRIVALS, {"aor": "102@pbx.example"}, join, 20)
    request.fork(await request.lookup("102@pbx.example"))

@event_route
async def join(event, call):
    call.inject_branches([event.binding])

seen = []

@branch_route
def mark(branch):
    seen.append((branch.number, branch.aor, branch.source, branch.transport))
    if "9999" in branch.uri:
        branch.drop()
    branch.add_header("X-Branch", f"{branch.number} {branch.source}")

@reply_route
def look(reply):
    seen.append((reply.status, reply.source))
    if reply.status == 183:
        reply.drop()
    if reply.status == 200:
        reply.add_header("X-By", reply.aor)
"""


@pytest.mark.acceptance("H42")
def test_hooks_run_for_branches_that_are_injected_too(script: Start) -> None:
    with script(HOOKS) as world:
        alice, bob = world.phone("101"), world.phone("102")
        tablet = world.phone("102", registered=False)
        call = alice.call("102")
        tablet.register()
        assert [phone.invites[0].header("x-branch") for phone in (bob, tablet)] == ["1 lookup", "2 event"]

        tablet.answer()

        assert call.status == 200
        assert call.responses[-1].header("x-by") == "102@pbx.example"
        seen = world.driver.routes.requests["INVITE"].__globals__["seen"]
        assert seen == [
            (1, "102@pbx.example", "lookup", "udp"),
            (180, "lookup"),
            (2, "102@pbx.example", "event", "udp"),
            (180, "event"),
            (200, "event"),
            (487, "lookup"),
        ]
        # The BYE comes back through us, for the injected INVITE was recorded like any other.
        assert tablet.invites[0].has("record-route")
        call.hang_up()
        assert len(tablet.byes) == 1
        arrival = world.named(E_UL_CONTACT_INSERT)[-1]
        first, second = world.named(E_BRANCH_ADDED)
        assert (first.cause_id, second.cause_id) == (first.tx, arrival.id)


def test_a_provisional_that_is_dropped_does_not_reach_the_caller_but_counts(script: Start) -> None:
    with script(HOOKS) as world:
        alice, bob = world.phone("101"), world.phone("102")
        bob.rings_after = None
        call = alice.call("102")
        bob.respond(bob.invites[0], 183)
        world.advance(0.1)
        assert 183 not in call.statuses
        bob.respond(bob.invites[0], 180)
        bob.respond(bob.invites[0], 200)
        world.advance(0.1)
        assert call.statuses == [100, 180, 200]
        call.hang_up()


def test_a_branch_that_is_dropped_is_told_and_not_sent(script: Start) -> None:
    with script(HOOKS) as world:
        alice, bob = world.phone("101"), world.phone("102")
        tablet = world.phone("102", registered=False)
        world.moved(tablet, 9999)
        call = alice.call("102")
        tablet.register()
        assert tablet.invites == []
        assert [(event.why, event.aor) for event in world.named(E_INJECT_REJECTED)] == [("dropped", "102@pbx.example")]
        bob.answer()
        assert call.status == 200
        call.hang_up()


@pytest.mark.parametrize(
    "broken", ["1 / 0", "branch.add_header('X', 'a\\r\\nVia: b')", "branch.add_header('Via', 'z')"]
)
def test_a_hook_that_fails_costs_nobody_his_call(script: Start, broken: str) -> None:
    text = HOOKS.replace('    if "9999" in branch.uri:\n        branch.drop()\n', f"    {broken}\n").replace(
        "    if reply.status == 183:\n        reply.drop()\n", "    1 / 0\n"
    )
    with script(text, may_fail=True) as world:
        alice, bob = world.phone("101"), world.phone("102")
        call = alice.call("102")
        bob.answer()
        assert call.status == 200
        assert len(world.errors) >= 2
        call.hang_up()


def test_a_final_response_cannot_be_dropped(script: Start) -> None:
    text = HOOKS.replace("if reply.status == 183", "if reply.status == 200")
    with script(text, may_fail=True) as world:
        alice, bob = world.phone("101"), world.phone("102")
        call = alice.call("102")
        bob.answer()
        assert call.status == 200
        assert "a 200 that is final or reliable cannot be dropped" in world.errors[0]
        call.hang_up()


def test_hooks_are_what_they_are_declared_to_be(script: Start) -> None:
    for change, message in [
        (("request.on_branch(mark)", "request.on_branch(look)"), "look is not a @branch_route"),
        (("request.on_reply(look)", "request.on_reply(join)"), "join is not a @reply_route"),
        (("def mark(branch)", "async def mark(branch)"), "mark: a branch route is a plain `def`"),
        (("def look(reply)", "def look(reply, more)"), r"look: its parameters are \(reply\)"),
    ]:
        with pytest.raises(Exception, match=message), script(HOOKS.replace(*change)):
            pass


@pytest.mark.acceptance("H39")
def test_the_best_and_the_latest_phones_are_tried_first_and_no_more_than_asked(script: Start) -> None:
    text = """
@request_route("INVITE")
async def invite(request):
    phones = await request.lookup("102@pbx.example", limit=2)
    await request.raise_event(E_NOTE, said=" ".join(str(phone.q) for phone in phones))
    request.fork(phones)
"""
    with script(text) as world:
        alice = world.phone("101")
        phones = [world.phone("102", registered=False) for _ in range(4)]
        for phone, q in zip(phones, ("0.5", "1.0", "0.9", "0.9"), strict=True):
            phone.contact_params = f";q={q}"
            phone.register()
        call = alice.call("102")
        assert said(world) == ["1.0 0.9"]
        assert [len(phone.invites) for phone in phones] == [0, 1, 0, 1]
        call.cancel()


@pytest.mark.parametrize(("any_method", "rung"), [("False", [0, 1]), ("True", [1, 1])])
def test_a_phone_that_does_not_take_the_method_is_left_out(script: Start, any_method: str, rung: list[int]) -> None:
    text = f"""
@request_route("INVITE")
async def invite(request):
    request.fork(await request.lookup("102@pbx.example", any_method={any_method}))
"""
    with script(text) as world:
        alice = world.phone("101")
        pager, phone = world.phone("102", registered=False), world.phone("102", registered=False)
        pager.contact_params, phone.contact_params = ';methods="MESSAGE"', ';methods="INVITE,BYE"'
        pager.register()
        phone.register()
        call = alice.call("102")
        assert [len(each.invites) for each in (pager, phone)] == rung
        call.cancel()


@pytest.mark.acceptance("H37")
@pytest.mark.parametrize(("how", "why"), [("decline", "final"), ("cancel", "cancelled")])
def test_what_comes_too_late_is_said_and_sent_nowhere(script: Start, how: str, why: str) -> None:
    text = """
@request_route("INVITE")
async def invite(request):
    request.fork(await request.lookup("102@pbx.example"))
    late.append(request.ref)

late = []
"""
    with script(text) as world:
        alice, bob, tablet = world.phone("101"), world.phone("102"), world.phone("102", registered=False)
        call = alice.call("102")
        [ref] = world.driver.routes.requests["INVITE"].__globals__["late"]
        bob.decline() if how == "decline" else call.cancel()
        world.advance(0.1)
        binding = world.bindings(bob)[0]

        assert world.do(ref.inject_branches, [binding]) is False
        world.advance(40)
        assert world.do(ref.inject_branches, [binding]) is False

        assert [(event.why, event.uri) for event in world.named(E_INJECT_REJECTED)] == [
            (why, binding.contact),
            ("gone", binding.contact),
        ]
        assert len(bob.invites) == 1
        assert tablet.invites == []
