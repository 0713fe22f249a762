"""Events that a script declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipcore.contract.events import CATALOGUE, OURS
from sipcore.ebr import compile_filter
from sipcore.errors import BadFilter, InvalidWord, ScriptError
from sipcore.script import declare_event
from sipcore.script.custom_events import MAX_DECLARED
from sipcore.script.loader import load_script
from sipcore.testing import pbx

DOOR = """
from sipcore.script import declare_event, event_route, request_route

E_DOOR_OPENED = declare_event("E_DOOR_OPENED", index=("door",), door=str, by=str, times=int)

@request_route("INVITE")
async def invite(request):
    await request.notify_on_event(E_DOOR_OPENED, {"door": "front"}, opened, 20, once=True)
    request.wait_for_new_branches(20)

@request_route("MESSAGE")
async def message(request):
    await request.raise_event(E_DOOR_OPENED, door=request.dialled, by=request.from_aor, times=1)
    request.reply(200)

@event_route
async def opened(event, call):
    call.progress(182, event.by)
"""


@pytest.fixture(autouse=True)
def _catalogue_as_it_was():
    before = dict(CATALOGUE)
    yield
    CATALOGUE.clear()
    CATALOGUE.update(before)


def load(tmp_path: Path, text: str):
    path = tmp_path / "script.py"
    path.write_text(text)
    return load_script(path)


def test_a_script_declares_an_event_waits_for_it_and_raises_it(tmp_path: Path) -> None:
    path = tmp_path / "door.py"
    path.write_text(DOOR)

    with pbx(path) as world:
        alice, bob = world.phone("101", registered=False), world.phone("102", registered=False)
        call = alice.call("201")
        bob.request("MESSAGE", "sip:back@pbx.example")
        assert 182 not in call.statuses

        bob.request("MESSAGE", "sip:front@pbx.example")

        assert [response.reason for response in call.responses if response.status == 182] == ["102@pbx.example"]
        [back, front] = world.named("E_DOOR_OPENED")
        assert (back.door, front.door, front.times) == ("back", "front", 1)


@pytest.mark.acceptance("H12")
@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ('declare_event("E_CALL_ENDED", a=str)', "E_CALL_ENDED is an event of this product"),
        ('declare_event("door", a=str)', "'door': an event has a name in capitals"),
        ('declare_event("E_A", a=object)', "a is <class 'object'>"),
        ('declare_event("E_A", ts=float)', "every event has ts already"),
        ('declare_event("E_A", call_uid=str)', "every event has call_uid already"),
        ('declare_event("E_A", index=("b",), a=str)', "b cannot be an index"),
        ('declare_event("E_A", index=("a",), a=dict)', "a cannot be an index"),
        ('declare_event("E_A", a=str); declare_event("E_A", a=int)', "E_A is declared twice"),
    ],
)
def test_what_is_no_declaration_is_refused_with_its_line(tmp_path: Path, declaration: str, message: str) -> None:
    with pytest.raises(ScriptError, match=f"script.py, line 4: .*{message}"):
        load(
            tmp_path, DOOR.replace('E_DOOR_OPENED = declare_event("E_DOOR', f'{declaration}\nE_X = declare_event("E_X')
        )

    assert CATALOGUE.keys() == OURS


def test_a_script_that_is_refused_leaves_the_catalogue_alone(tmp_path: Path) -> None:
    load(tmp_path, DOOR)
    before = dict(CATALOGUE)

    with pytest.raises(ScriptError, match="line 8: E_DOOR_OPENED has no attribute 'door'"):
        load(tmp_path, DOOR.replace("door=str, ", "").replace('index=("door",), ', ""))
    with pytest.raises(ScriptError):
        load(tmp_path, 'from sipcore.script import declare_event\ndeclare_event("E_OTHER", a=str)\n1 / 0')

    assert before == CATALOGUE
    assert compile_filter("E_DOOR_OPENED", {"door": "front"}).index_keys == (("E_DOOR_OPENED", "door", "front"),)


def test_a_new_script_may_declare_its_events_otherwise(tmp_path: Path) -> None:
    load(tmp_path, DOOR)
    waiting = compile_filter("E_DOOR_OPENED", {"door": "front"})

    load(
        tmp_path,
        DOOR.replace("times=int)", "floor=str)").replace('index=("door",)', "index=()").replace(", times=1", ""),
    )

    assert "floor" in CATALOGUE["E_DOOR_OPENED"].attributes
    with pytest.raises(BadFilter, match="no attribute 'times'"):
        compile_filter("E_DOOR_OPENED", {"times": 1})
    # What waits by the old index is still found by it.
    assert waiting.index_keys[0][1] in CATALOGUE["E_DOOR_OPENED"].index


def test_a_route_cannot_declare_and_a_script_not_without_end(tmp_path: Path) -> None:
    with pytest.raises(InvalidWord, match="top of the script"):
        declare_event("E_LATE", a=str)
    many = f'for n in range({MAX_DECLARED + 1}):\n    declare_event(f"E_MANY_{{n}}", a=str)\n'
    with pytest.raises(ScriptError, match=f"at most {MAX_DECLARED} events"):
        load(tmp_path, "from sipcore.script import declare_event\n" + many)
