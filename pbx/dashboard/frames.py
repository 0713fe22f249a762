"""What is said over the WebSocket."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["frame"]


def frame(op: str, **fields: Any) -> str:
    """One message to a browser."""
    return json.dumps({"op": op, **fields}, ensure_ascii=False, separators=(",", ":"))
