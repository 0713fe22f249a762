"""Become another program, with what only the process itself can arrange; run as `python -I -S launcher.py … -- argv`.

Between fork and exec of a child stands this small process of its own instead of a `preexec_fn`, which is not safe in a
process that has threads. It imports the standard library alone and must stay quick: every child pays for it (20 ms).

The death signal is sent by the kernel when the *thread* that started this process ends; children are therefore started
from the supervisor's main thread.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import sys
from collections.abc import Sequence

__all__ = ["EXIT_NO_NAMESPACE", "command_line", "main"]

EXIT_NO_NAMESPACE = 77  # the kernel, or the container's seccomp profile, refuses user namespaces
EXIT_CANNOT_EXECUTE = 126  # as the shell has it

CLONE_NEWUSER = 0x10000000  # sched.h
PR_SET_PDEATHSIG = 1  # sys/prctl.h


def command_line(
    argv: Sequence[str], *, death_signal: int, who: Sequence[str] = (), open_files: bool = False
) -> list[str]:
    """What to execute so that `argv` runs arranged like that; `who` is one of the two options that change the account."""
    return [
        sys.executable,
        "-I",  # no PYTHON* variable and no directory of the operator's has a say in here
        "-S",
        os.path.abspath(__file__),
        *who,
        *(["--open-files"] if open_files else []),
        "--parent",
        str(os.getpid()),
        "--death-signal",
        str(int(death_signal)),
        "--",
        *argv,
    ]


def enter_user_namespace(inside_uid: int) -> None:
    """Be `inside_uid` to programs that refuse to run as root, and still root to the file system.

    PostgreSQL checks `geteuid() == 0` and no more. With one id mapped, files of root are files of `inside_uid` in here,
    so a data directory below a 0700 directory works and no account has to be made.
    """
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    # setgroups must be given up before an unprivileged process may write gid_map, user_namespaces(7).
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside_uid} {uid} 1"),
        ("gid_map", f"{inside_uid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def become(uid: int, gid: int) -> None:
    """Drop root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def raise_open_files() -> None:
    """As many open files as the host lets us have; a SIP worker holds one per TCP connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS reports "unlimited" and refuses it.
    wanted = 65536 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def die_with_parent(parent: int, signal_number: int) -> None:
    """Ask for `signal_number` when the parent dies; leave at once if it has died already.

    Linux only: elsewhere a killed supervisor leaves its children behind, and the lock on the data directory says so.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


def main(arguments: list[str]) -> None:
    """Arrange and execute; returns only by an exception."""
    parser = argparse.ArgumentParser(prog="launcher")
    parser.add_argument("--namespace", type=int, metavar="UID")
    parser.add_argument("--user", metavar="UID:GID")
    parser.add_argument("--open-files", action="store_true")
    parser.add_argument("--parent", type=int, required=True, metavar="PID")
    parser.add_argument("--death-signal", type=int, required=True, metavar="N")
    parser.add_argument("argv", nargs="+")
    chosen = parser.parse_args(arguments)

    if chosen.open_files:
        raise_open_files()
    if chosen.namespace is not None:
        try:
            enter_user_namespace(chosen.namespace)
        except OSError as error:
            print(f"user namespaces are not available: {error.strerror}", file=sys.stderr)
            sys.exit(EXIT_NO_NAMESPACE)
    if chosen.user:
        uid, _, gid = chosen.user.partition(":")
        become(int(uid), int(gid))
    # After the change of credentials, which clears the death signal (prctl(2)).
    die_with_parent(chosen.parent, chosen.death_signal)
    try:
        os.execvp(chosen.argv[0], chosen.argv)  # noqa: S606 - what this program is for
    except OSError as error:
        print(f"{chosen.argv[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(EXIT_CANNOT_EXECUTE)


if __name__ == "__main__":
    main(sys.argv[1:])
