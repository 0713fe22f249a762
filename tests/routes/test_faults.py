"""What a routing script that fails does to its request, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipcore.testing import pbx

SCRIPT = """
from sipcore.script import request_route

@request_route()
async def everything(request):
    if request.method == "REGISTER":
        return request.reply(200)
    {fault}
"""


@pytest.mark.parametrize(
    ("fault", "line", "error"),
    [
        ("1 / 0", 8, "ZeroDivisionError"),
        ("await request.notify_on_event('E_UL_AOR_INSERT', {'aor': 'x'}, None, 5)", 8, "NoSuchRoute"),
        ("pass", 0, "RuntimeError: the route of INVITE neither answered nor forwarded"),
    ],
)
def test_a_fault_is_500_and_the_line_of_the_script_is_told(tmp_path: Path, fault: str, line: int, error: str) -> None:
    script = tmp_path / "faulty.py"
    script.write_text(SCRIPT.format(fault=fault))

    with pbx(script, may_fail=True) as world:
        alice = world.phone("101")
        assert alice.call("102").final().status == 500

    [event] = world.named("E_SCRIPT_ERROR")
    assert (event.script, event.line) == ("faulty.py", line)
    assert event.error.startswith(error)


WAITING = """
import asyncio
from sipcore.script import request_route

@request_route("REGISTER")
async def register(request):
    if await request.authenticate():
        await request.save()

@request_route()
async def everything(request):
    await helper({before})
    request.reply(603)

async def helper(_):
    await asyncio.sleep({seconds})
"""


@pytest.mark.parametrize(("method", "budget"), [("INVITE", 80), ("MESSAGE", 32)])
def test_a_route_that_waits_for_ever_is_ended_when_nobody_waits_for_its_answer(
    tmp_path: Path, method: str, budget: float
) -> None:
    script = tmp_path / "waiting.py"
    script.write_text(WAITING.format(before="1", seconds=3600))

    with pbx(script, may_fail=True) as world:
        alice, started = world.phone("101"), world.now
        answer = alice.call("102").final() if method == "INVITE" else alice.request(method, "sip:102@pbx.example")
        assert answer.status == 500
        assert budget <= world.now - started <= budget + 1.5
        assert world.driver.runner.waiting == 0

    [event] = world.named("E_SCRIPT_ERROR")
    assert (event.script, event.line) == ("waiting.py", 16)
    assert event.error == f"the route of {method} has waited {budget} s without answering, forwarding or holding"


@pytest.mark.parametrize(
    ("before", "seconds", "status"),
    [
        ("1", 79, 603),
        ("request.wait_for_new_branches(70)", 3600, 480),
        ("request.reply(486)", 3600, 486),
    ],
)
def test_a_route_that_has_done_its_part_may_take_its_time(
    tmp_path: Path, before: str, seconds: float, status: int
) -> None:
    script = tmp_path / "waiting.py"
    script.write_text(WAITING.format(before=before, seconds=seconds))

    with pbx(script) as world:
        assert world.phone("101").call("102").final().status == status
        world.advance(200)
        assert world.driver.runner.waiting == (1 if seconds == 3600 else 0)
