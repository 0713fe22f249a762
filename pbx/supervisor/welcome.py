"""What to open, what to dial, and how to sign in: the last thing printed by a start that went well."""

from __future__ import annotations

from collections.abc import Sequence

from . import host
from .configuration import Configuration, Listener

__all__ = ["welcome"]


def welcome(configuration: Configuration, domain: str, said: Sequence[str]) -> str:
    """The text; `said` are the lines of the preparation, among them the administrator when one was made."""
    rows = []
    if "web" in configuration.parts:
        rows.append(("Web", f"http://{_reached_at(configuration.http)}:{configuration.http.port}/"))
    if "sip" in configuration.parts:
        for listener in configuration.sip:
            address = configuration.advertise or f"{_reached_at(listener)}:{listener.port}"
            rows.append(("SIP", f"sip:{address}   {'UDP and TCP' if listener.udp else 'TCP'}"))
        rows.append(("SIP domain", domain))
    rows.extend(
        (name, value.strip())
        for name, colon, value in (line.partition(":") for line in said)
        if colon and name in ("Administrator", "Password")
    )
    width = max(len(name) for name, _ in rows)
    body = "".join(f"    {name:<{width}}   {value}\n" for name, value in rows)
    return f"\n{body}\n    Stop with Ctrl-C.\n\n"


def _reached_at(listener: Listener) -> str:
    """An address that others can use: a listener at every address is not reached at 0.0.0.0."""
    address = host.own_address() if listener.everywhere else listener.host
    return f"[{address}]" if ":" in address else address
