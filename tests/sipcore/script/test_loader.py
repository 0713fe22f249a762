from __future__ import annotations

from pathlib import Path

import pytest

import sipcore.routes
from sipcore.errors import NoSuchRoute, ScriptError
from sipcore.script.loader import load_script

GOOD = """
from sipcore.contract.events import E_UL_CONTACT_INSERT
from sipcore.script import event_route, request_route

@request_route("INVITE")
async def invite(request):
    await request.notify_on_event(E_UL_CONTACT_INSERT, {"aor": "a@b"}, late, 20)

@event_route
async def late(event, call):
    pass
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "script.py"
    path.write_text(text)
    return load_script(path)


def test_the_shipped_script_loads() -> None:
    table = load_script(Path(sipcore.routes.__file__).parent / "pbx.py")
    assert {"REGISTER", "INVITE", "OPTIONS", "*"} <= set(table.requests)
    assert {"fork_call", "handle_pickup"} <= set(table.events)


def test_a_good_script_has_its_routes(tmp_path: Path) -> None:
    table = load(tmp_path, GOOD)
    assert table.route_for("INVITE").__name__ == "invite"
    with pytest.raises(NoSuchRoute, match="BYE"):
        table.route_for("BYE")


@pytest.mark.acceptance("H12")
@pytest.mark.parametrize(
    ("_case", "change", "message"),
    [
        (
            "unknown event",
            ("E_UL_CONTACT_INSERT, {", "'E_UL_CONTACT_INSRT', {"),
            r"line 7: 'E_UL_CONTACT_INSRT' is not .* did you mean E_UL_CONTACT_INSERT",
        ),
        (
            "unknown filter key",
            ('{"aor"', '{"aro"'),
            r"line 7: E_UL_CONTACT_INSERT has no attribute 'aro'; did you mean aor\? Valid keys: aor, ",
        ),
        ("route that is none", ("late, 20", "invite, 20"), "line 7: invite is not an @event_route"),
        ("syntax", ("async def late(", "async def late"), "line 10"),
        ("filter that cannot be read", ('{"aor": "a@b"}', '"aor"'), "line 7: .*aor"),
        ("filter with an empty value", ('{"aor": "a@b"}', '"aor="'), "line 7: .*empty"),
        ("not async", ("async def late", "def late"), "line 9: late: a route is an `async def`"),
        (
            "too many parameters",
            ("late(event, call)", "late(event, call, a, b)"),
            r"line 9: late: .*\(event, transaction\)",
        ),
        ("too few parameters", ("invite(request)", "invite()"), r"line 5: invite: its parameters are \(request\)"),
        ("null byte", ("pass", "\0"), "null bytes"),
        ("await outside", ("async def invite", "def invite"), "line 7: 'await' outside async function"),
        ("no route at all", ('@request_route("INVITE")', ""), "no @request_route"),
        ("raises", ("@event_route", "1 / 0\n@event_route"), "line 9: ZeroDivisionError"),
        (
            "two for one",
            ("@event_route", '@request_route("INVITE")\nasync def b(r):\n    pass\n\n@event_route'),
            "line 9: both invite and b take INVITE",
        ),
    ],
)
def test_a_fault_is_refused_with_its_line(tmp_path: Path, _case: str, change: tuple[str, str], message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        load(tmp_path, GOOD.replace(*change))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"nowhere\.py: cannot be read"):
        load_script(tmp_path / "nowhere.py")


def test_the_fault_knows_its_line(tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as refused:
        load(tmp_path, GOOD.replace("E_UL_CONTACT_INSERT, {", "'E_NOTHING', {"))
    assert refused.value.line == 7
