"""The clock of the test kit, under the name it had before there was one."""

from __future__ import annotations

from sipcore.testing.clock import VirtualLoop, run, settle

__all__ = ["VirtualLoop", "run", "settle"]
