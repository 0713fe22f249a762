"""The location service on Redis: a copy in memory, written through.

A hash for each AoR holds its bindings and `rev`, a token that is new with each write. A change is computed on the copy
and applied by one script, if `rev` is still what the copy has; else another worker was first, the bindings are read
again, and the change is computed anew. Only what changed is written.

A copy is trusted until another worker says that it changed the AoR, or until what is said may have been missed: after a
reconnect every copy is read again when it is next asked for. While Redis is away the copies are what there is.
Without peers nobody else writes, and nothing is listened to.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Sequence

from ..contract.keys import BINDINGS_CHANGED, bindings
from ..contract.location import Binding, BindingChanges
from ..contract.records import from_json, replace, to_json
from ..errors import StoreUnavailable
from .held import HeldBindings
from .inbox import Inbox
from .lua import Script
from .ordering import by_preference, unexpired
from .pipe import Pipe

__all__ = ["RedisLocation"]

ATTEMPTS = 3  # at one update; more conflicts than that in a row means that something writes without end
CACHE_SIZE = 100_000  # AoRs
EXPIRY_GRACE = 30.0  # seconds that a hash outlives its last binding, for the sweeper to find and announce it

log = logging.getLogger("sipcore.store")

_REV = b"rev"

_UPDATE = Script("""
local rev = redis.call('HGET', KEYS[1], 'rev') or ''
if rev ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  local first = 7 + ARGV[6]
  if first > 7 then redis.call('HDEL', KEYS[1], unpack(ARGV, 7, first - 1)) end
  redis.call('HSET', KEYS[1], 'rev', ARGV[2], unpack(ARGV, first))
  redis.call('EXPIREAT', KEYS[1], ARGV[3])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
""")


class _Copy:
    """The bindings of one AoR as they were read or written last."""

    __slots__ = ("bindings", "generation", "rev")

    def __init__(self, rev: str, bindings: tuple[Binding, ...], generation: int) -> None:
        self.rev = rev
        "Empty: there is no hash."
        self.bindings = bindings
        self.generation = generation
        "That of the service when it was read; another one, or 0: not to be trusted."


class _Turn:
    """One at a time for an AoR, and whether somebody else changed it meanwhile.

    A lock of asyncio's would do the same, but each REGISTER takes one, and nearly always nobody else is there.
    """

    __slots__ = ("changed", "queue")

    def __init__(self) -> None:
        self.queue: deque[asyncio.Future[None]] | None = None
        "Who comes after the one whose turn it is."
        self.changed = False


class RedisLocation:
    """LocationService on Redis, for one worker."""

    def __init__(
        self,
        pipe: Pipe,
        inbox: Inbox,
        worker: str,
        epoch: Callable[[], float],
        *,
        has_peers: Callable[[], bool] = lambda: True,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        self._pipe = pipe
        self._inbox = inbox
        self._worker = worker
        self._epoch = epoch
        self._has_peers = has_peers
        self._cache_size = cache_size
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        self._turns: dict[str, _Turn] = {}
        self._held = HeldBindings(worker)
        self._generation = 1
        self._listening = False
        # `rev` never repeats, not even after the hash was deleted or the worker restarted: a copy that is older than
        # another worker's delete and re-registration must not pass for current.
        self._life = secrets.token_hex(4)
        self._writes = 0
        pipe.on_connect.append(self.distrust)
        pipe.on_lost.append(self.distrust)
        inbox.on_lost.append(self.distrust)
        self.peers_changed()

    def peers_changed(self) -> None:
        """Listen to what other workers change while there are any. Call it when that changes."""
        if self._has_peers() is self._listening:
            return
        self._listening = not self._listening
        if self._listening:
            self._inbox.listen(BINDINGS_CHANGED, self._heard, self.distrust)
        else:
            self._inbox.ignore(BINDINGS_CHANGED)
        self.distrust()

    def distrust(self) -> None:
        """Read every AoR again when it is next asked for: changes by others may have been missed."""
        self._generation += 1
        for turn in self._turns.values():
            turn.changed = True

    async def lookup(self, aor: str, *, fresh: bool = False) -> tuple[Binding, ...]:
        copy = self._copies.get(aor)
        if copy is not None:
            self._copies.move_to_end(aor)
            trusted = copy.generation == self._generation and not (fresh and self._has_peers())
            if trusted or not self._pipe.connected:
                return unexpired(copy.bindings, self._epoch())
        if (turn := self._turns.get(aor)) is None:
            turn = self._turns[aor] = _Turn()
        else:
            await self._wait(aor, turn)
        try:
            copy = self._copies.get(aor)
            # Whoever had the turn before may have read it, but then before this question if it must be fresh.
            if fresh or copy is None or copy.generation != self._generation:
                copy = await self._load(aor, turn)
        except StoreUnavailable:
            if copy is None:
                raise
        finally:
            self._leave(aor, turn)
        return unexpired(copy.bindings, self._epoch())

    async def update(self, aor: str, change: Callable[[tuple[Binding, ...]], BindingChanges]) -> BindingChanges:
        if (turn := self._turns.get(aor)) is None:
            turn = self._turns[aor] = _Turn()
        else:
            await self._wait(aor, turn)
        try:
            copy = self._copies.get(aor)
            if copy is None or copy.generation != self._generation:
                try:
                    copy = await self._load(aor, turn)
                except StoreUnavailable:
                    if copy is not None and (changes := change(copy.bindings)).is_empty:
                        return changes  # only asked, and memory can tell
                    raise
            for _ in range(ATTEMPTS):
                changes = change(copy.bindings)
                if changes.is_empty or await self._write(aor, turn, copy, changes):
                    return changes
                copy = await self._load(aor, turn)
            raise StoreUnavailable(f"{ATTEMPTS} conflicts in a row")
        finally:
            self._leave(aor, turn)

    def expired(self, epoch: float) -> Iterable[str]:
        return self._held.expired(epoch)

    def held_over(self, connection: str) -> Iterable[str]:
        return self._held.over(connection)

    @property
    def held(self) -> int:
        """How many AoRs have a binding that this worker holds."""
        return len(self._held)

    async def _write(self, aor: str, turn: _Turn, copy: _Copy, changes: BindingChanges) -> bool:
        """Store the change and remember it; False when another worker was first."""
        gone, written, latest = _difference(copy.bindings, changes.bindings)
        rev = ""
        if latest:
            self._writes += 1
            rev = f"{self._life}{self._writes:x}"
        turn.changed = False
        generation = self._generation
        try:
            applied = await self._pipe.ask(
                _UPDATE,
                (bindings(aor),),
                copy.rev,
                rev,
                int(latest + EXPIRY_GRACE) + 1,
                BINDINGS_CHANGED,
                f"{self._worker} {aor}",
                len(gone),
                *gone,
                *written,
                patient=True,
            )
        except BaseException:
            copy.generation = 0  # it may have been written; what is remembered is no longer known to be true
            raise
        if not applied:
            return False
        self._remember(aor, _Copy(rev, by_preference(changes.bindings), 0 if turn.changed else generation))
        return True

    async def _load(self, aor: str, turn: _Turn) -> _Copy:
        turn.changed = False
        generation = self._generation
        fields = await self._pipe.execute("HGETALL", bindings(aor))
        rev, found = "", []
        for key, value in zip(fields[::2], fields[1::2], strict=True):
            if key == _REV:
                rev = value.decode()
                continue
            try:
                found.append(_interned(from_json(Binding, value)))
            except (ValueError, TypeError):
                log.exception("a binding of %s cannot be read and is left out", aor)
        copy = _Copy(rev, by_preference(tuple(found)), 0 if turn.changed else generation)
        self._remember(aor, copy)
        return copy

    def _remember(self, aor: str, copy: _Copy) -> None:
        self._copies[aor] = copy
        self._copies.move_to_end(aor)
        self._held.set(aor, copy.bindings)
        if len(self._copies) > self._cache_size:
            self._copies.popitem(last=False)

    def _heard(self, message: bytes) -> None:
        """Another worker changed an AoR: `<worker> <aor>`."""
        worker, _, aor = message.decode("utf-8", "surrogateescape").partition(" ")
        if worker == self._worker:
            return
        if (copy := self._copies.get(aor)) is not None:
            copy.generation = 0
        if (turn := self._turns.get(aor)) is not None:
            turn.changed = True

    async def _wait(self, aor: str, turn: _Turn) -> None:
        """Wait until it is the caller's turn at an AoR; `_leave` follows. First come, first served."""
        if turn.queue is None:
            turn.queue = deque()
        mine = asyncio.get_running_loop().create_future()
        turn.queue.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given the turn while it was being cancelled
                self._leave(aor, turn)
            raise

    def _leave(self, aor: str, turn: _Turn) -> None:
        while turn.queue:
            following = turn.queue.popleft()
            if not following.done():
                following.set_result(None)
                return
        del self._turns[aor]


def _difference(
    before: tuple[Binding, ...], after: tuple[Binding, ...]
) -> tuple[Collection[str], Sequence[str | bytes], float]:
    """The keys to remove, the keys and JSON to write, and when the last of them expires; 0 when none is left."""
    if len(before) == 1 == len(after) and before[0].key == after[0].key:
        (binding,) = after  # a phone refreshes what it has, nearly always
        return (), (binding.key, to_json(binding)), binding.expires_at
    gone = {binding.key: binding for binding in before}
    written: list[str | bytes] = []
    latest = 0.0
    for binding in after:
        if gone.pop(binding.key, None) is not binding:
            written += (binding.key, to_json(binding))
        if binding.expires_at > latest:
            latest = binding.expires_at
    return gone, written, latest


def _interned(binding: Binding) -> Binding:
    """Share the strings that thousands of bindings have in common."""
    return replace(
        binding,
        transport=sys.intern(binding.transport),
        worker=sys.intern(binding.worker),
        socket=sys.intern(binding.socket),
        edge=sys.intern(binding.edge),
        user_agent=sys.intern(binding.user_agent),
    )
