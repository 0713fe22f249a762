"""The kit itself: that it says what happened, and that it does not let a broken script pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipcore.contract.events import CATALOGUE
from sipcore.errors import ScriptError
from sipcore.testing import DOMAIN, pbx

ROUTES = """
from sipcore.script import event_route, request_route

@request_route("REGISTER")
async def register(request):
    if await request.authenticate():
        await request.save()

@request_route("INVITE")
async def invite(request):
    {body}

@event_route
async def late(event, call):
    {late}
"""


def routes(tmp_path: Path, body: str, late: str = "pass") -> Path:
    path = tmp_path / "routes.py"
    path.write_text(ROUTES.format(body=body, late=late))
    return path


def test_ten_lines_are_a_story() -> None:
    with pbx() as world:
        bob = world.phone("102", asleep=True)
        call = world.phone("101").call("102")
        world.advance(2)
        assert not bob.rings
        bob.wake()
        assert bob.rings
        bob.answer()
        assert (call.status, bob.talks, bob.rings) == (200, True, False)
        bob.hang_up()
        assert not bob.talks

    assert [push["aor"] for push in world.pushes] == [f"102@{DOMAIN}"]
    assert [record.hangup_by for record in world.records] == ["callee"]


def test_a_phone_may_wake_by_itself_some_time_after_its_push() -> None:
    with pbx() as world:
        bob = world.phone("102", asleep=True)
        bob.wakes_after, bob.answers_after = 4, 1
        started = world.now
        call = world.phone("101").call("102")
        assert call.final().status == 200
        assert call.ended_at - started == pytest.approx(5.2, abs=0.2)
        call.hang_up()


def test_a_phone_is_declined_and_the_caller_hears_it() -> None:
    with pbx() as world:
        bob = world.phone("102")
        call = world.phone("101").call("102")
        bob.decline(603)
        assert call.status == 603


def test_whoever_has_a_phone_is_a_subscriber_and_who_has_no_password_is_none() -> None:
    with pbx() as world:
        world.phone("erin").answers_after = 0.1
        call = world.phone("dan").call("erin")
        assert call.final().status == 200
        call.hang_up()
        assert world.phone("mallory", registered=False).call("erin").final().status == 407


def test_the_network_may_lose_what_the_test_says() -> None:
    with pbx() as world:
        bob = world.phone("102")
        world.dropped = lambda data, flow: data.startswith(b"INVITE") and flow == bob.flow
        call = world.phone("101").call("102")
        assert bob.invites == []
        world.dropped = lambda data, flow: False
        world.advance(1)
        assert len(bob.invites) == 1, "it was sent again"
        call.cancel()


def test_the_ladder_tells_messages_and_events_in_order() -> None:
    with pbx() as world:
        world.phone("101")
        lines = str(world.ladder).splitlines()

    assert [line.split(maxsplit=1)[1][:40].rstrip() for line in lines] == [
        "101 -> pbx   REGISTER sip:pbx.example SI",
        "pbx -> 101   401 Unauthorized",
        "101 -> pbx   REGISTER sip:pbx.example SI",
        "*            E_UL_AOR_INSERT domain=loca",
        "*            E_UL_CONTACT_INSERT domain=",
        "pbx -> 101   200 OK",
    ]


def test_a_script_that_does_not_load_is_no_world(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"routes\.py, line 11"), pbx(routes(tmp_path, "1 +")):
        pass


@pytest.mark.parametrize(
    ("body", "late", "message"),
    [
        ("1 / 0", "pass", r"routes\.py, line 11: ZeroDivisionError"),
        (
            "await request.notify_on_event('E_UL_CONTACT_INSERT', {'aor': request.request_aor}, late, 5)\n"
            "    request.wait_for_new_branches(5)",
            "event.nothing",
            r"routes\.py, line 16: late: AttributeError",
        ),
    ],
)
def test_a_script_that_fails_fails_the_test(tmp_path: Path, body: str, late: str, message: str) -> None:
    def story(**options: bool) -> None:
        with pbx(routes(tmp_path, body, late), **options) as world:
            world.phone("101").call("102")
            world.phone("102")

    with pytest.raises(AssertionError, match=message):
        story()
    story(may_fail=True)


def test_what_fails_in_a_story_tells_the_story() -> None:
    with pytest.raises(ZeroDivisionError) as failed, pbx() as world:
        world.phone("101")
        _ = 1 / 0

    assert "E_UL_CONTACT_INSERT" in failed.value.__notes__[0]


def test_what_is_left_over_fails_the_test() -> None:
    with pytest.raises(AssertionError, match=r"left over 400 s after the end: .*'subscriptions': 1"), pbx() as world:
        world.driver.routing.notify_on_event("E_NODE_UP", {"worker": "x"}, print, 3600.0)


def test_what_a_script_declares_is_forgotten_with_its_world(tmp_path: Path) -> None:
    script = routes(tmp_path, "await request.raise_event('E_MINE', a=1); request.reply(404)")
    script.write_text("from sipcore.script import declare_event\ndeclare_event('E_MINE', a=int)\n" + script.read_text())

    with pbx(script) as world:
        world.phone("101").call("102")
        assert "E_MINE" in CATALOGUE

    assert [event.a for event in world.named("E_MINE")] == [1]
    assert "E_MINE" not in CATALOGUE
