"""`bin/run` and `bin/test` in a checkout of their own, with one small package to install and no network to get it from."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.machine import wait_until

BIN = Path(__file__).resolve().parent.parent.parent / "bin"

# What the real manage.py and pytest are to bin/run and bin/test: programs that can import what was installed.
MANAGE = (
    "import os, sys, tiny; print('manage.py', *sys.argv[1:], tiny.WHAT, os.getpid(), os.environ.get('PBX_DATA_DIR'))"
)
PYTEST = "import sys, tiny; print('pytest', *sys.argv[1:], tiny.WHAT)"


def wheel(directory: Path, name: str, version: str, module: str) -> str:
    """Make the smallest wheel there is and return its line for a requirements file."""
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for path, text in contents.items()
    )
    path = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in {**contents, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(each, text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def python_without(directory: Path, *modules: str, python: str = sys.executable) -> str:
    """A Python from which modules are missing, as Debian keeps ensurepip and pip in packages of their own."""
    directory.mkdir(parents=True, exist_ok=True)
    path, start = directory / f"python-without-{'-'.join(modules)}", directory / f"{'-'.join(modules)}.py"
    path.write_text(f'#!/bin/sh\n[ "$1" = -I ] && shift\nexec {shlex.quote(python)} {shlex.quote(str(start))} "$@"\n')
    path.chmod(0o755)
    start.write_text(
        f"import runpy, sys\nsys.modules.update(dict.fromkeys({modules!r}))\nsys.argv = sys.argv[1:]\n"
        "if sys.argv[0] == '-c': exec(sys.argv[1])\n"
        "elif sys.argv[0] == '-m': del sys.argv[0]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
        f"else: sys.executable = {str(path)!r}; runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    return str(path)


class Checkout:
    """A copy of `bin/` beside requirements of its own, below a directory that belongs to one test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "a checkout"
        self.venv = self.root / ".venv"
        self.wheels = directory / "wheels"
        self.environment = {
            "PATH": os.environ["PATH"],
            # Without ensurepip, which takes seconds: pip comes from the Python that runs the tests.
            "PBX_PYTHON": python_without(directory / "python", "ensurepip"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONFIG_FILE": os.devnull,
        }

    def make(self) -> Checkout:
        """As a clone is: nothing is installed."""
        self.wheels.mkdir()
        shutil.copytree(BIN, self.root / "bin", ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "manage.py").write_text(MANAGE)
        (self.root / "pytest.py").write_text(PYTEST)
        self.require("1.0")
        return self

    def require(self, version: str) -> None:
        """Pin that version of the package."""
        pin = wheel(self.wheels, "tiny", version, f"WHAT = 'tiny-{version}'")
        (self.root / "requirements.txt").write_text(pin)
        (self.root / "requirements-dev.txt").write_text(pin)

    def command(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands from somewhere else."""
        return subprocess.run(
            [self.root / "bin" / name, *arguments],
            env={**self.environment, **environment},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    """A clone that has never been started."""
    return Checkout(tmp_path).make()


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> tuple[Checkout, subprocess.CompletedProcess[str]]:
    """A clone that was started once, and what was said then; to be looked at only."""
    once = Checkout(tmp_path_factory.mktemp("started")).make()
    return once, once.command("run", "--only", "web")


@pytest.fixture
def installed(started, tmp_path) -> Checkout:
    """A copy of it, for a test to do with what it likes."""
    for part in ("a checkout", "wheels"):
        shutil.copytree(started[0].directory / part, tmp_path / part, symlinks=True)
    return Checkout(tmp_path)


def test_the_first_start_installs_and_later_ones_do_not(started, installed):
    first = started[1]
    assert first.stdout.splitlines()[-1].startswith("manage.py runpbx --only web tiny-1.0"), first.stderr
    assert "Installing the packages of requirements.txt" in first.stdout

    shutil.rmtree(installed.wheels)
    second = installed.command("run")

    assert second.returncode == 0
    assert second.stdout.startswith("manage.py runpbx tiny-1.0"), "nothing is said, for nothing was done"


def test_changed_requirements_are_installed(installed):
    installed.require("2.0")

    assert "tiny-2.0" in installed.command("run").stdout


def test_bin_test_passes_arguments_through_and_serves_bin_run_as_well(checkout):
    done = checkout.command("test", "-k", "two words", "-x")
    assert done.stdout.splitlines()[-1] == "pytest -k two words -x tiny-1.0", done.stderr

    assert checkout.command("run").stdout.startswith("manage.py runpbx tiny-1.0")


def test_the_command_becomes_the_program_so_that_signals_reach_it(installed):
    with subprocess.Popen(
        [installed.root / "bin" / "run"], env=installed.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        said = process.communicate(timeout=60)[0]

    assert said.split()[-2] == str(process.pid)


def test_a_relative_data_directory_is_meant_from_where_the_command_was_typed(installed):
    done = installed.command("run", PBX_DATA_DIR="data")

    assert done.stdout.split("/", 1)[1].strip() == str(installed.directory / "data").lstrip("/")


@pytest.mark.parametrize("_case", ["interrupted while it was made", "its Python is gone"])
def test_an_environment_that_does_not_work_is_made_anew(installed, _case):
    if _case == "its Python is gone":
        for python in (installed.venv / "bin").glob("python*"):
            python.unlink()
            python.symlink_to("/nowhere/python")
    else:
        (installed.venv / ".made-by-bin").write_text("begun\n")
        (installed.venv / ".installed-for-run").unlink()
        shutil.rmtree(installed.venv / "lib")

    done = installed.command("run")

    assert "Making .venv" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("manage.py runpbx tiny-1.0"), done.stderr


def test_an_environment_of_somebody_else_is_never_removed(checkout):
    checkout.venv.mkdir()
    (checkout.venv / "precious").touch()

    done = checkout.command("run")

    assert done.returncode == 1
    assert "was not made by bin/run" in done.stderr
    assert (checkout.venv / "precious").exists()


def test_an_environment_that_was_made_by_hand_and_works_is_used(checkout):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout.venv], check=True)
    (checkout.venv / "mine").touch()

    assert "tiny-1.0" in checkout.command("run").stdout
    assert (checkout.venv / "mine").exists()


def test_a_package_with_another_hash_is_refused(checkout):
    pin = (checkout.root / "requirements.txt").read_text()
    (checkout.root / "requirements.txt").write_text(pin[:-65] + "0" * 64 + "\n")

    done = checkout.command("run")

    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_commands_at_once_install_one_after_the_other(checkout):
    both = [
        subprocess.Popen(
            [checkout.root / "bin" / name],
            env=checkout.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("run", "test")
    ]
    said = [process.communicate(timeout=120)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert all("tiny-1.0" in text for text in said)
    assert sum("Making .venv" in text for text in said) == 1
    assert sum("waiting for it" in text for text in said) == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_installation_that_is_interrupted_leaves_nothing_running_and_goes_on_next_time(checkout, number, status):
    process = subprocess.Popen(
        [checkout.root / "bin" / "run"],
        env=checkout.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    marker = checkout.venv / ".made-by-bin"
    wait_until(lambda: marker.exists() and marker.read_text() == "begun\n", 30, "it did not begin")

    process.send_signal(number)
    said = process.communicate(timeout=60)[0]

    assert process.returncode == status, said
    assert not [
        path for path in Path("/proc").glob("[0-9]*/cmdline") if str(checkout.venv).encode() in path.read_bytes()
    ]
    assert checkout.command("run").stdout.splitlines()[-1].startswith("manage.py runpbx tiny-1.0")


def no_python(directory: Path, **scripts: str) -> str:
    """A PATH on which only these scripts and a few tools are found."""
    directory.mkdir()
    for tool in ("dirname", "tail", "sh"):
        (directory / tool).symlink_to(shutil.which(tool))
    for name, text in scripts.items():
        (directory / name).write_text(f"#!/bin/sh\n{text}\n")
        (directory / name).chmod(0o755)
    return str(directory)


def test_a_host_without_python_says_what_to_install(checkout, tmp_path):
    done = checkout.command("run", PATH=no_python(tmp_path / "path"), PBX_PYTHON="")

    assert (done.returncode, done.stderr) == (
        1,
        "Python 3.11 or later is needed, and there is none. On Debian or Ubuntu: apt install python3 python3-venv\n",
    )


def test_a_python_that_is_too_old_is_named(checkout, tmp_path):
    old = 'case "$2" in *exit*) exit 1;; *) echo 3.9.2;; esac'

    done = checkout.command("run", PATH=no_python(tmp_path / "path", python3=old), PBX_PYTHON="")

    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 or later is needed, and python3 is 3.9.2.\n")


def test_a_newer_python_beside_an_old_one_is_found(checkout, tmp_path):
    new = {"python3.12": f'exec "{checkout.environment["PBX_PYTHON"]}" "$@"'}
    path = no_python(tmp_path / "path", python3="exit 1", **new)

    assert "tiny-1.0" in checkout.command("run", PATH=path, PBX_PYTHON="").stdout


def test_a_python_that_was_given_must_be_new_enough(checkout):
    done = checkout.command("run", PBX_PYTHON="/bin/false")

    assert (done.returncode, done.stderr) == (
        1,
        "PBX_PYTHON is '/bin/false'; allowed is the path of a Python 3.11 or later.\n",
    )


def test_with_ensurepip_the_environment_has_a_pip_of_its_own(checkout):
    done = checkout.command("run", PBX_PYTHON=sys.executable)

    assert "tiny-1.0" in done.stdout, done.stderr
    assert (checkout.venv / "bin" / "pip").exists()


def test_without_any_pip_the_package_to_install_is_named(checkout, tmp_path):
    done = checkout.command("run", PBX_PYTHON=python_without(tmp_path / "python", "ensurepip", "pip"))

    assert done.returncode == 1
    assert "but pip is not. On Debian or Ubuntu: apt install python3-venv" in done.stderr
