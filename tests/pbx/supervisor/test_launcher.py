from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

import pytest

from pbx.supervisor import launcher
from tests.support.machine import wait_until

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a death signal is Linux' own")
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def launch(argv: list[str], **more) -> subprocess.CompletedProcess[str]:
    command = launcher.command_line(argv, death_signal=signal.SIGKILL, **more)
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=30)


def test_it_becomes_the_program_with_its_arguments():
    done = launch(["/bin/echo", "--namespace", "a b", "--"])

    assert (done.returncode, done.stdout) == (0, "--namespace a b --\n")


def test_a_program_that_is_not_there_is_named():
    done = launch(["/nowhere/postgres"])

    assert (done.returncode, done.stderr) == (126, "/nowhere/postgres: No such file or directory\n")


def test_open_files_are_raised_to_the_hard_limit():
    done = launch([sys.executable, "-c", "import resource; print(*resource.getrlimit(7))"], open_files=True)

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert done.stdout.split() == [str(hard), str(hard)]


def test_a_launcher_whose_parent_has_gone_starts_nothing():
    command = launcher.command_line(["/bin/echo", "started"], death_signal=signal.SIGKILL)
    command[command.index("--parent") + 1] = "1" if os.getppid() != 1 else "2"

    done = subprocess.run(command, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")


@LINUX
@pytest.mark.parametrize("who", [(), pytest.param(("--namespace", "65534"), marks=ROOT)])
def test_a_child_gets_its_death_signal_when_its_parent_is_killed(who, tmp_path):
    """The parent here is a Python that launches a child and waits; SIGKILL leaves it no time to tell anybody."""
    child = (
        "import signal, sys, time, os\n"
        "def end(number, frame):\n"
        f"    open({str(tmp_path / 'end')!r}, 'w').write(signal.Signals(number).name); sys.exit()\n"
        "signal.signal(signal.SIGINT, end)\n"
        f"open({str(tmp_path / 'up')!r}, 'w').write('up')\n"
        "time.sleep(60)"
    )
    parent = (
        "import subprocess, sys; from pbx.supervisor import launcher\n"
        f"line = launcher.command_line([sys.executable, '-c', {child!r}], death_signal=2, who={who!r})\n"
        "subprocess.Popen(line, start_new_session=True).wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", parent])
    wait_until((tmp_path / "up").exists, 20, "the child did not start")

    process.kill()
    process.wait()

    wait_until(lambda: (tmp_path / "end").exists() and (tmp_path / "end").read_text() != "", 20, "the child lives on")
    assert (tmp_path / "end").read_text() == "SIGINT"


@ROOT
@LINUX
def test_in_a_namespace_root_is_nobody_and_still_owns_its_files(tmp_path):
    if launch(["/bin/true"], who=("--namespace", "65534")).returncode == launcher.EXIT_NO_NAMESPACE:
        pytest.skip("user namespaces are forbidden here")
    secret = tmp_path / "secret"
    secret.write_text("of root")
    secret.chmod(0o600)

    done = launch(["/bin/sh", "-c", f"id -u; cat {secret}"], who=("--namespace", "65534"))

    assert done.stdout == "65534\nof root"


@ROOT
def test_as_another_account_root_is_gone_with_its_groups():
    done = launch(["/bin/sh", "-c", "id -u; id -g; id -G"], who=("--user", "65534:65534"))

    assert done.stdout.split() == ["65534", "65534", "65534"]
