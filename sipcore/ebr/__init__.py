"""Event-based routing: who waits for which event, until when, and what runs then.

`filters` turns what a script writes into conditions and checks them against the catalogue; `conditions` evaluates
them; `registry` has the live subscriptions, `index` finds those that an event may concern, `lanes` runs their handlers;
`routing` joins these. Other
workers are reached through `ports.EventBus`. Waiting and raising are the only things in here that know asyncio, and
time is told: `monotonic`, `epoch` and `call_at` are given.
"""

from .conditions import Predicate, any_of, compile_conditions, escape_glob, ge, glob, gt, le, lt, ne, one_of, regex
from .filters import Filter, compile_filter
from .inspection import Inspection
from .routing import EventRouting
from .stream import EventStream
from .subscription import Subscription, WaitResult

__all__ = [
    "EventRouting",
    "EventStream",
    "Filter",
    "Inspection",
    "Predicate",
    "Subscription",
    "WaitResult",
    "any_of",
    "compile_conditions",
    "compile_filter",
    "escape_glob",
    "ge",
    "glob",
    "gt",
    "le",
    "lt",
    "ne",
    "one_of",
    "regex",
]
