"""Addresses of host names, off the hot path: bounded, remembered for a while, asked once however many wait."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from .limits import TransportLimits

__all__ = ["Resolver", "is_numeric"]

Answer = Callable[[str | None, OSError | None], None]


def is_numeric(host: str) -> bool:
    """Whether `host` is an address already, and needs no look-up."""
    for family in (socket.AF_INET6,) if ":" in host else (socket.AF_INET,):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            return False
    return True


class Resolver:
    """getaddrinfo in the loop's threads, with a memory. The first address is taken; SRV and NAPTR are not asked for."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limits: TransportLimits, family: int = socket.AF_UNSPEC
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._family = family
        self._known: dict[str, tuple[float, str | None]] = {}
        self._waiting: dict[str, list[Answer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def resolve(self, host: str, answer: Answer) -> None:
        """Call `answer(address, None)` or `answer(None, error)`, now or later, exactly once."""
        known = self._known.get(host)
        if known is not None and known[0] > self._loop.time():
            address = known[1]
            answer(address, None if address else OSError(f"{host} could not be resolved"))
        elif host in self._waiting:
            if len(self._waiting[host]) < self._limits.messages_per_lookup:
                self._waiting[host].append(answer)
            else:
                answer(None, OSError(f"too many messages wait for the address of {host}"))
        elif len(self._waiting) >= self._limits.lookups:
            answer(None, OSError("too many host names are being resolved"))
        else:
            self._waiting[host] = [answer]
            task = self._loop.create_task(self._ask(host))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, host: str) -> None:
        address: str | None = None
        problem: OSError | None = None
        try:
            found = await self._loop.getaddrinfo(host, None, family=self._family, type=socket.SOCK_DGRAM)
            address = str(found[0][4][0])
        except (OSError, UnicodeError) as error:  # UnicodeError: a label longer than 63 octets
            problem = error if isinstance(error, OSError) else OSError(f"{host} is not a host name")
        limits = self._limits
        if len(self._known) >= limits.names:
            del self._known[next(iter(self._known))]
        seconds = limits.name_seconds if address else limits.failed_name_seconds
        self._known[host] = (self._loop.time() + seconds, address)
        for answer in self._waiting.pop(host):
            answer(address, problem)

    async def close(self) -> None:
        """Forget those who wait."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting.clear()
