from __future__ import annotations

from pathlib import Path

import pytest

from sipcore.errors import ScriptError
from sipcore.script.loader import load_script

SCRIPT = """
import asyncio
from sipcore.script import event_route, request_route

@request_route("INVITE")
async def invite(request):
    {}

async def helper(request, cache):
    {}

@event_route
async def late(event, call):
    {}
"""


def load(tmp_path: Path, invite: str = "pass", helper: str = "pass", late: str = "pass") -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(invite, helper, late))
    load_script(path)


@pytest.mark.parametrize(
    ("where", "line", "message"),
    [
        ({"invite": "request.frok([])"}, 7, "a request has no frok; did you mean fork?"),
        ({"invite": "request.settings_of_mine"}, 7, "a request has no settings_of_mine"),
        ({"invite": "request.save()"}, 7, "save does nothing without `await`"),
        ({"invite": "caller = request.authenticate()"}, 7, "authenticate does nothing without `await`"),
        ({"invite": "if request.lookup('a@b'): pass"}, 7, "lookup does nothing without `await`"),
        ({"invite": "return request.save()"}, 7, "save does nothing without `await`"),
        ({"invite": "phone = request.lookup('a@b')[0]"}, 7, "lookup does nothing without `await`"),
        ({"invite": "for phone in request.lookup('a@b'): pass"}, 7, "lookup does nothing without `await`"),
        ({"invite": "ok = [p for p in request.lookup('a@b')]"}, 7, "lookup does nothing without `await`"),
        ({"invite": "print(f'{request.lookup(0)}')"}, 7, "lookup does nothing without `await`"),
        ({"invite": "if (who := request.authenticate()): pass"}, 7, "authenticate does nothing without `await`"),
        ({"invite": "await request.fork([])"}, 7, "fork is not awaited: it is done at once"),
        ({"helper": "request.wake(None)"}, 10, "wake does nothing without `await`"),
        ({"late": "await call.inject_branches([])"}, 14, "inject_branches is not awaited"),
        ({"late": "call.lookup(event.aor)"}, 14, "lookup does nothing without `await`"),
    ],
)
def test_a_word_that_cannot_work_is_refused(tmp_path: Path, where: dict[str, str], line: int, message: str) -> None:
    with pytest.raises(ScriptError) as refused:
        load(tmp_path, **where)

    assert str(refused.value).startswith(f"script.py, line {line}: {message}")


@pytest.mark.parametrize(
    "where",
    [
        {"invite": "await asyncio.gather(request.lookup('a@b'), request.lookup('c@d'))"},
        {"invite": "await asyncio.wait_for(request.acknowledged(), 2)"},
        {"invite": "await asyncio.gather(*[request.lookup(aor) for aor in ('a@b', 'c@d')])"},
        {"invite": "later = request.acknowledged(); request.reply(404); await later"},
        {"invite": "task = asyncio.create_task(request.lookup('a@b')); await task"},
        {"helper": "return request.lookup('a@b')"},
        {"invite": "request.reply(404)"},
        {"helper": "cache.lookup('a@b')"},
        {"late": "call.inject_branches(await call.lookup(event.aor))"},
    ],
)
def test_what_may_well_work_is_let_pass(tmp_path: Path, where: dict[str, str]) -> None:
    load(tmp_path, **where)
