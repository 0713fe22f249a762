"""Where the product keeps what it keeps, and where its embedded servers listen.

Everything is below `PBX_DATA_DIR`, except the sockets of a data directory with a long name: `sun_path` holds 108 bytes,
so those go to a directory of `/tmp` named after the data directory.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .errors import CannotStart

__all__ = ["Layout"]

SUN_PATH = 107  # bytes; struct sockaddr_un less the terminating zero
LONGEST_SOCKET = "/pg/.s.PGSQL.5432"  # those of siblings are /sip/ and eleven characters


@dataclass(frozen=True, slots=True)
class Layout:
    """The places below one data directory; computed, nothing is made before `make()`."""

    data: Path
    "PBX_DATA_DIR, absolute."

    @property
    def postgres(self) -> Path:
        """One directory per major version of PostgreSQL."""
        return self.data / "pg"

    @property
    def valkey(self) -> Path:
        """The append-only file."""
        return self.data / "valkey"

    @property
    def logs(self) -> Path:
        """What the children said."""
        return self.data / "logs"

    @property
    def lock(self) -> Path:
        """Locked while a supervisor, or a server that outlived it, uses this directory."""
        return self.data / "lock"

    @property
    def run_env(self) -> Path:
        """The addresses of the servers, for `manage.py` in another terminal."""
        return self.data / "run.env"

    @property
    def children(self) -> Path:
        """A line `name pid` for each running child."""
        return self.data / "children"

    @property
    def domain(self) -> Path:
        """The SIP domain found at the first start."""
        return self.data / "domain"

    @property
    def sockets(self) -> Path:
        """The directory of the servers' sockets."""
        near = self.data / "run"
        if len(os.fsencode(f"{near}{LONGEST_SOCKET}")) <= SUN_PATH:
            return near
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path("/tmp") / f"pbx-{os.geteuid()}-{name}"  # noqa: S108 - ownership is checked by make()

    @property
    def postgres_sockets(self) -> Path:
        """PostgreSQL's own, since it may run under another account."""
        return self.sockets / "pg"

    @property
    def valkey_socket(self) -> Path:
        """Valkey's."""
        return self.sockets / "valkey.sock"

    @property
    def siblings(self) -> Path:
        """Where SIP workers behind one port meet."""
        return self.sockets / "sip"

    @property
    def database_url(self) -> str:
        """The embedded PostgreSQL, in libpq's own spelling."""
        return f"postgresql://pbx@/pbx?host={quote(str(self.postgres_sockets))}"

    @property
    def redis_url(self) -> str:
        """The embedded Valkey, in redis-py's spelling."""
        return f"unix://{quote(str(self.valkey_socket))}?db=0"

    @property
    def broker_url(self) -> str:
        """The embedded Valkey's next database, in kombu's spelling."""
        return f"redis+socket://{quote(str(self.valkey_socket))}?virtual_host=1"

    def make(self) -> None:
        """Make the directories, private to this account.

        Raises CannotStart when one cannot be made or written, or belongs to somebody else.
        """
        try:
            for place in (self.data, self.postgres, self.valkey, self.logs, self.sockets, self.postgres_sockets):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.data / f".writable.{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise CannotStart(
                f"PBX_DATA_DIR is {str(self.data)!r}, which cannot be written: {error.strerror} "
                f"({error.filename}). It must be a directory that this account owns, or can make."
            ) from error
        self._judge_sockets()

    def _judge_sockets(self) -> None:
        """A directory of /tmp that somebody else made first could hand our connections to him."""
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise CannotStart(
                f"{self.sockets} exists and belongs to somebody else. Remove it, or set PBX_DATA_DIR to a shorter path, "
                "so that the servers' sockets fit beside the data."
            )
        if stat.S_IMODE(found.st_mode) & 0o022:
            self.sockets.chmod(0o700)
