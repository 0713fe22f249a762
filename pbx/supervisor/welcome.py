"""What to open, what to dial, and how to sign in: the last thing printed by a start that went well."""

from __future__ import annotations

from collections.abc import Sequence

from . import host
from .configuration import Configuration, Listener

__all__ = ["welcome"]

_OVER = {
    "PBX_SIP": ("sip:{host}:{port}", "UDP and TCP"),
    "PBX_SIPS": ("sips:{host}:{port}", "TLS"),
    "PBX_SIP_WS": ("ws://{host}:{port}/", "WebSocket"),
    "PBX_SIP_WSS": ("wss://{host}:{port}/", "WebSocket over TLS"),
}


def welcome(configuration: Configuration, domain: str, said: Sequence[str]) -> str:
    """The text; `said` are the lines of the preparation, among them the administrator when one was made."""
    rows = []
    if "web" in configuration.parts:
        rows.append(("Web", f"http://{_reached_at(configuration.http)}:{configuration.http.port}/"))
    if "sip" in configuration.parts:
        for listener in configuration.sip:
            form, over = _OVER[listener.setting]
            address = configuration.advertise or _reached_at(listener)
            rows.append(("SIP", f"{form.format(host=address, port=listener.port)}   {over}"))
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
