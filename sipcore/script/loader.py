"""Loading a routing script: into a fresh module, checked, and swapped whole.

What can be known before a call comes is checked: that it compiles and runs, that its routes are `async def` and do not
overlap, and what `events_in_words`, `words` and `blocking` say. A script that fails keeps the old one in place.
"""

from __future__ import annotations

import ast
import linecache
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ..errors import ScriptError, line_of
from . import blocking, events_in_words, words
from .custom_events import declarations
from .route_table import RouteTable

__all__ = ["load_script"]

MAX_SCRIPT_BYTES = 1_000_000


def load_script(path: Path) -> RouteTable:
    """Load and check a script. Raise ScriptError that names file, line and fault."""
    name = path.name
    try:
        if path.stat().st_size > MAX_SCRIPT_BYTES:
            raise ScriptError(f"larger than {MAX_SCRIPT_BYTES} bytes", script=name)
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"cannot be read: {error}", script=str(path)) from error
    try:
        tree = ast.parse(source, filename=str(path))
        code = compile(tree, str(path), "exec")
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        what, line = getattr(error, "msg", str(error)), getattr(error, "lineno", 0)
        raise ScriptError(what, line=line or 0, script=name) from error

    try:
        blocking.check(tree)
        module = ModuleType(f"routing_script.{path.stem}")
        module.__file__ = str(path)
        linecache.checkcache(str(path))  # tracebacks show the new text after a reload
        with declarations():
            exec(code, module.__dict__)  # noqa: S102 - the operator's own script
            events_in_words.check(tree, module)
            words.check(tree, module)
            return replace(RouteTable.of(module, name), source=source)
    except ScriptError as error:
        raise ScriptError(error.message, line=error.line or line_of(error, str(path)), script=name) from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise ScriptError(what, line=line_of(error, str(path)), script=name) from error
