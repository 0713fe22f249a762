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
