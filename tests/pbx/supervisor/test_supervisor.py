from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pbx.supervisor.errors import CannotStart
from pbx.supervisor.supervisor import EX_CONFIG
from tests.support.machine import wait_until

from .conftest import obedient, python, turn_until


def lines(said) -> list[str]:
    """What was read, without the times."""
    return [line.partition(" ")[2] for line in said.getvalue().splitlines()]


def test_what_children_say_appears_behind_their_names(supervisor, said):
    supervisor.start(
        python("speaker", "print('to stdout'); import sys; print('to stderr', file=sys.stderr)", once=True)
    )
    turn_until(supervisor, lambda: not supervisor.running)

    assert sorted(lines(said)) == ["speaker  | to stderr", "speaker  | to stdout"]


def test_stages_end_one_after_the_other_each_with_its_signal(supervisor, said):
    supervisor.start(obedient("postgres", stop_stage=3, stop_signal=signal.SIGINT))
    supervisor.start(obedient("valkey", stop_stage=2))
    supervisor.start(obedient("sip", stop_stage=0))
    supervisor.start(obedient("web", stop_stage=1))
    turn_until(supervisor, lambda: said.getvalue().count("| up") == 4)

    supervisor.stop()

    assert [line for line in lines(said) if "ended" in line] == [
        "sip      | ended by SIGTERM",
        "web      | ended by SIGTERM",
        "valkey   | ended by SIGTERM",
        "postgres | ended by SIGINT",
    ]
    assert supervisor.running == {}


def test_a_killed_child_is_started_again_and_said_to_be(supervisor, said):
    supervisor.start(obedient("web"))
    turn_until(supervisor, lambda: "| up" in said.getvalue())
    first = supervisor.running["web"]

    os.kill(first, signal.SIGKILL)
    turn_until(supervisor, lambda: said.getvalue().count("| up") == 2)

    assert supervisor.running["web"] != first
    assert "pbx      | web was ended by SIGKILL; started again in 0.5 s." in lines(said)


def test_a_child_that_does_not_obey_is_killed_with_what_it_started(supervisor, said, tmp_path):
    grandchild = tmp_path / "grandchild"
    stubborn = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(grandchild)!r}, 'w').write(str(subprocess.Popen(['/bin/sleep', '60']).pid))\n"
        "print('up', flush=True); time.sleep(60)"
    )
    supervisor.start(python("stubborn", stubborn, grace=0.2))
    turn_until(supervisor, lambda: "| up" in said.getvalue())

    supervisor.stop()

    assert "pbx      | stubborn does not stop and is killed." in lines(said)
    wait_until(lambda: not alive(int(grandchild.read_text())), 10, "what it started lives on")


def test_a_child_that_refuses_its_settings_ends_the_run(supervisor, said):
    supervisor.start(python("sip", f"import sys; print('PBX_SIP is wrong'); sys.exit({EX_CONFIG})"))

    with pytest.raises(CannotStart, match="sip refuses its settings"):
        supervisor.run()

    assert "sip      | PBX_SIP is wrong" in lines(said)


def test_a_child_that_refuses_only_later_is_started_again_and_the_others_go_on(supervisor, said, tmp_path):
    program = (
        f"import os, sys, time; seen = os.path.exists({str(tmp_path / 'seen')!r})\n"
        f"open({str(tmp_path / 'seen')!r}, 'w').close(); print('up', flush=True)\n"
        f"sys.exit({EX_CONFIG}) if seen else time.sleep(60)"
    )
    supervisor.start(python("sip", program))
    turn_until(supervisor, lambda: "| up" in said.getvalue())

    supervisor.signal_child("sip", signal.SIGKILL)
    turn_until(supervisor, lambda: "sip ended with status 78; started again in 1 s." in said.getvalue())


def test_a_server_that_dies_while_it_is_awaited_ends_the_start(supervisor):
    with pytest.raises(CannotStart, match="postgres did not start"):
        supervisor.start_and_await([python("postgres", "raise SystemExit(1)", is_ready=lambda: False)], 20)


def test_a_server_that_never_serves_ends_the_start(supervisor):
    with pytest.raises(CannotStart, match="valkey does not serve after 0 s"):
        supervisor.start_and_await([obedient("valkey", is_ready=lambda: False)], 0.1)


def test_servers_are_awaited_until_each_of_them_serves(supervisor, said):
    asked = []

    def ready() -> bool:
        asked.append(1)
        return len(asked) > 3

    supervisor.start_and_await([obedient("valkey", is_ready=ready)], 20)

    assert len(asked) == 4


def test_a_one_shot_child_gives_its_status_and_its_lines(supervisor):
    status, heard = supervisor.run_once(python("setup", "print('one'); print('two'); raise SystemExit(3)"))

    assert (status, heard) == (3, [])
    assert supervisor.run_once(python("setup", "print('one'); print('two')", once=True)) == (0, ["one", "two"])


def test_children_are_listed_for_those_outside(supervisor, said, layout):
    supervisor.start(obedient("web"))
    supervisor.start(obedient("sip"))

    listed = dict(line.split() for line in layout.children.read_text().splitlines())
    assert {name: int(pid) for name, pid in listed.items()} == supervisor.running

    turn_until(supervisor, lambda: said.getvalue().count("| up") == 2)
    supervisor.stop()
    assert layout.children.read_text() == ""


def test_a_closed_output_is_not_an_end(supervisor, said):
    supervisor.start(
        python("quiet", "import os, time; print('up', flush=True); os.close(1); os.close(2); time.sleep(60)")
    )
    turn_until(supervisor, lambda: "| up" in said.getvalue())
    for _ in range(5):
        supervisor.turn(0.01)

    assert "quiet" in supervisor.running


def test_hangup_is_an_end_unless_it_was_given_another_meaning(supervisor):
    reloaded = []
    supervisor.on_hangup(lambda: reloaded.append(True))
    os.kill(os.getpid(), signal.SIGHUP)
    turn_until(supervisor, lambda: bool(reloaded))
    assert not supervisor.stop_requested

    supervisor.on_hangup(None)
    os.kill(os.getpid(), signal.SIGHUP)
    turn_until(supervisor, lambda: supervisor.stop_requested)


# A supervisor in a process of its own, with two children that write their process ids down.
ALONE = """
import os, sys, signal
from pathlib import Path
from pbx.supervisor.report import Report
from pbx.supervisor.supervisor import Supervisor
from tests.pbx.supervisor.conftest import obedient
with Supervisor(Report(sys.stdout), children_file=Path(sys.argv[1])) as supervisor:
    supervisor.start(obedient("postgres", stop_stage=1, stop_signal=signal.SIGINT))
    supervisor.start(obedient("web"))
    supervisor.run()
"""


@pytest.fixture
def alone(tmp_path):
    """The process, its output, and the process ids of its children once both are up."""
    listing, output = tmp_path / "children", tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", ALONE, str(listing)], stdout=file, stderr=file, cwd=Path(__file__).parents[3]
        )
    wait_until(lambda: output.read_text().count("| up") == 2, 20, "the children did not start")
    children = [int(line.split()[1]) for line in listing.read_text().splitlines()]
    yield process, output, children
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_supervisor_ends_every_child_and_the_exit_status_is_zero(alone, number):
    process, output, children = alone

    process.send_signal(number)

    assert process.wait(20) == 0
    assert not any(alive(child) for child in children)
    assert output.read_text().count("ended by") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="a death signal is Linux' own")
def test_children_of_a_killed_supervisor_end_too(alone):
    process, _, children = alone

    process.kill()
    process.wait()

    wait_until(lambda: not any(alive(child) for child in children), 20, "children live on")


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked for its status yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
