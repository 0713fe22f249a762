"""What a script must not even name: calls that hold up the whole worker while they wait.

One worker has one loop, and a route runs in it: `time.sleep(5)` is five seconds in which no call of that worker rings, and
a request to a web service is as long as that service likes. This sees what reading can see, through aliases too; what
hides behind another module is found by the watchdog. It is no sandbox: whoever edits the script owns the PBX.
"""

from __future__ import annotations

import ast

from ..errors import ScriptError

__all__ = ["check"]

CALLS = {
    "time.sleep": "`await asyncio.sleep(…)`",
    "input": "nothing: a worker has no keyboard",
    "os.system": "`await asyncio.create_subprocess_shell(…)`",
    "os.popen": "`await asyncio.create_subprocess_shell(…)`",
    "urllib.request.urlopen": "an asynchronous HTTP client",
    "asyncio.run": "`await`: the loop runs already",
}
"Calls that block, and what to use instead."

MODULES = {
    "requests": "an asynchronous HTTP client",
    "urllib3": "an asynchronous HTTP client",
    "http.client": "an asynchronous HTTP client",
    "urllib.request": "an asynchronous HTTP client",
    "socket": "`asyncio.open_connection(…)`",
    "socketserver": "`asyncio.start_server(…)`",
    "subprocess": "`asyncio.create_subprocess_exec(…)`",
    "smtplib": "a task of the web side",
    "ftplib": "a task of the web side",
    "sqlite3": "the directory: `await request.subscriber(…)`",
    "psycopg2": "the directory: `await request.subscriber(…)`",
    "pymysql": "the directory: `await request.subscriber(…)`",
}
"Modules that are of no use without blocking."


def check(tree: ast.Module) -> None:
    """Raise ScriptError for the first thing that would block."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                _check_module(alias.name, node.lineno)
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            _check_module(node.module, node.lineno)
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                _check_module(whole, node.lineno)
                names[alias.asname or alias.name] = whole
    own = _own_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            name = _dotted(node, names)
            if name in CALLS and name not in own:
                raise ScriptError(f"{name} stops every call of this worker; use {CALLS[name]}", line=node.lineno)


def _own_names(tree: ast.Module) -> set[str]:
    """Names that the script gives to things of its own: its `input` is no builtin."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def _check_module(name: str, line: int) -> None:
    instead = MODULES.get(name) or MODULES.get(name.partition(".")[0])
    if instead:
        raise ScriptError(f"{name} stops every call of this worker while it waits; use {instead}", line=line)


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """The full name that an expression stands for, such as time.sleep for `t.sleep` after `import time as t`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([names.get(node.id, node.id), *reversed(parts)])
