"""An operator edits the routing script of a running product with several workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.machine import wait_until
from tests.support.product import ProductUnderTest

from .clients.scripted import ScriptedPhone

WORKERS = 2
PORTS = 12  # of phones; the kernel spreads them over the workers
SCRIPT = """
from sipcore.script import request_route

@request_route()
async def everything(request):
    request.reply({status})
"""


@pytest.mark.acceptance("H12")
@pytest.mark.timeout(180)
def test_all_workers_load_it_again_and_none_a_faulty_one(
    start_product: Callable[..., ProductUnderTest], tmp_path: Path
) -> None:
    script = tmp_path / "routes.py"
    script.write_text(SCRIPT.format(status=481))
    product = start_product(environment={"PBX_ROUTES": str(script), "PBX_SIP_WORKERS": str(WORKERS)})

    def answers() -> set[int]:
        found = set()
        for _ in range(PORTS):
            with ScriptedPhone((product.host, product.sip_port)) as phone:
                found.add(phone.ask("OPTIONS", f"sip:{product.domain}").status)
        return found

    assert answers() == {481}
    script.write_text(SCRIPT.format(status=482))
    os.kill(product.pid, signal.SIGHUP)
    wait_until(lambda: answers() == {482}, 10, "not every worker has loaded the script again")

    script.write_text(SCRIPT.format(status=483).replace("request.reply", "request.answer"))
    os.kill(product.pid, signal.SIGHUP)
    fault = "the routing script was not reloaded: routes.py, line 6: a request has no answer"
    wait_until(lambda: product.log().count(fault) == WORKERS, 10, "not every worker has refused it")
    assert answers() == {482}
