"""Make `.venv` with the pinned packages when it is not there as wanted, then become the program that was asked for.

Run by `bin/run` and `bin/test` with a Python that is new enough and nothing else: the standard library is all there is.
A file in `.venv` says which requirements it satisfies, so a start that has nothing to install costs a few milliseconds.
One process installs at a time, and an environment that was not finished is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MADE_HERE = VENV / ".made-by-bin"  # only what was made here is removed here
REQUIREMENTS = {"run": "requirements.txt", "test": "requirements-dev.txt"}
SATISFIED_TOO = {"test": ("run",)}  # requirements-dev.txt holds every pin of requirements.txt


class Refusal(Exception):
    """A sentence for the person who typed the command."""


def main(purpose: str, *arguments: str) -> None:
    """Make sure of the environment and become the program; returns only by an exception."""
    if not satisfied(purpose):
        with only_one():
            if not satisfied(purpose):  # the other one may have installed it
                install(purpose)
    # A relative PBX_DATA_DIR is meant from where the command was typed.
    if os.environ.get("PBX_DATA_DIR"):
        os.environ["PBX_DATA_DIR"] = os.path.abspath(os.environ["PBX_DATA_DIR"])
    os.chdir(ROOT)
    program = {"run": ["manage.py", "runpbx"], "test": ["-m", "pytest"]}[purpose]
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), *program, *arguments])  # the same process: signals reach it


def satisfied(purpose: str) -> bool:
    """Whether `.venv` holds what the requirements file asks for."""
    try:
        return stamp(purpose).read_text(encoding="ascii") == wanted(purpose) and PYTHON.exists()
    except OSError:
        return False


def wanted(purpose: str) -> str:
    """What the stamp says once installed: of the requirements, and of the Python that `.venv` was made with."""
    configuration = (VENV / "pyvenv.cfg").read_bytes() if VENV.is_dir() else b""
    requirements = (ROOT / REQUIREMENTS[purpose]).read_bytes()
    return hashlib.sha256(requirements + configuration).hexdigest()


def stamp(purpose: str) -> Path:
    """The file that says what is installed for a purpose."""
    return VENV / f".installed-for-{purpose}"


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock on `.venv`; the kernel lets go of it however this process ends."""
    try:
        descriptor = os.open(ROOT / ".venv.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Refusal(
            f"{ROOT} cannot be written ({error.strerror}): the packages are installed in .venv there."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another bin/run or bin/test is installing packages; waiting for it.", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def install(purpose: str) -> None:
    """Make the environment unless there is a sound one, and install the pins."""
    if not sound():
        make_venv()
    print(f"Installing the packages of {REQUIREMENTS[purpose]} into .venv; this happens once.", flush=True)
    pip = pip_command()
    status = run_to_end(
        [
            *pip,
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--quiet",
            "--require-hashes",
            "--only-binary=:all:",
            "--requirement",
            str(ROOT / REQUIREMENTS[purpose]),
        ],
        PIP_USER="0",
        PIP_ROOT_USER_ACTION="ignore",
    )
    if status != 0:
        raise Refusal(
            f"The packages of {REQUIREMENTS[purpose]} could not be installed; pip says above why. Nothing was started; "
            "the next bin/run or bin/test goes on from here."
        )
    for name in (purpose, *SATISFIED_TOO.get(purpose, ())):
        draft = stamp(name).with_suffix(".new")
        draft.write_text(wanted(name), encoding="ascii")
        draft.replace(stamp(name))


def sound() -> bool:
    """Whether `.venv` has been made to its end and its Python still runs, as after an upgrade of the system."""
    if not (VENV / "pyvenv.cfg").is_file() or (
        MADE_HERE.is_file() and MADE_HERE.read_text(encoding="ascii") != "made\n"
    ):
        return False
    probe = "import sys; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)"
    try:
        return subprocess.run([PYTHON, "-I", "-c", probe], capture_output=True).returncode == 0
    except OSError:
        return False


def make_venv() -> None:
    """Make `.venv`, with the pip of `ensurepip` where there is one: Debian has it in a package of its own."""
    if VENV.exists() or VENV.is_symlink():
        if not MADE_HERE.is_file():
            raise Refusal(
                f"{VENV} is there, was not made by bin/run and does not work with Python 3.11 or later. Remove it or "
                "move it away."
            )
        shutil.rmtree(VENV)
    VENV.mkdir()
    MADE_HERE.write_text("begun\n", encoding="ascii")
    print(f"Making .venv with Python {sys.version.split()[0]}.", flush=True)
    ensurepip = importlib.util.find_spec("ensurepip")
    ways = ([], ["--without-pip"]) if ensurepip and ensurepip.origin else (["--without-pip"],)
    if not any(run_to_end([sys.executable, "-I", "-m", "venv", *way, str(VENV)]) == 0 for way in ways):
        raise Refusal("The virtual environment could not be made. On Debian or Ubuntu: apt install python3-venv")
    MADE_HERE.write_text("made\n", encoding="ascii")


def pip_command() -> list[str]:
    """The environment's own pip, else that of the system, which can install into another environment since 22.3."""
    own = [str(PYTHON), "-I", "-m", "pip"]
    if answers(own):
        return own
    systems = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if answers(systems):
        return systems
    raise Refusal(
        f"Python {sys.version.split()[0]} is here, but pip is not. On Debian or Ubuntu: apt install python3-venv "
        "(or python3-pip)"
    )


def run_to_end(command: list[str], **environment: str) -> int:
    """Run a command; what interrupts us ends it with everything that it has started."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, process_group=0)
    try:
        return process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def answers(command: list[str]) -> bool:
    """Whether a command can be run."""
    try:
        return subprocess.run([*command, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def end(number: int, frame: object) -> None:
    """SIGTERM as an exception, so that a pip that runs is ended too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    try:
        main(*sys.argv[1:])
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Interrupted; the next bin/run or bin/test goes on from here.", file=sys.stderr)
        sys.exit(130)
