"""Workers behind one port: what the kernel has given to the wrong one goes to the one that has charge of it (ADR 20).

`Handover` decides and is told the time; `SiblingLink` carries its frames through sockets in a directory of this host. A worker that is
alone has neither.
"""

from __future__ import annotations

from .handover import Errand, Handover
from .link import SiblingLink

__all__ = ["Errand", "Handover", "SiblingLink"]
