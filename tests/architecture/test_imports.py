"""Who may import whom: rules R1 to R6 of docs/architecture.md, by looking at the source alone.

A rule is a function from modules to complaints, so that each can be shown to complain.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator

import pytest

from .source import Module, is_within, module, modules

CONTRACT_AND_ERRORS = {"contract", "errors"}
PURE_ROOMS = {
    "contract": set(),
    "errors": set(),
    "syntax": {"errors"},
    "transaction": {"syntax", "contract.flow", "errors"},
    "auth": {"syntax"} | CONTRACT_AND_ERRORS,
    "registrar": {"syntax"} | CONTRACT_AND_ERRORS,
    "proxy": {"syntax", "transaction"} | CONTRACT_AND_ERRORS,
    "calls": {"syntax", "proxy.events"} | CONTRACT_AND_ERRORS,
}
"Rooms below the line: no I/O, no clock, no asyncio. What each may import from sipcore beside itself."

BELOW_SCRIPT = {*PURE_ROOMS, "ports", "ebr", "awaiting"}
ROOMS = PURE_ROOMS | {
    "": set(),
    "ports": {"contract"},
    "tokens": set(),
    "awaiting": set(),
    "ebr": {"ports"} | CONTRACT_AND_ERRORS,
    "script": BELOW_SCRIPT | {"watchdog"},
    "routes": {"script", "contract.events"},
    "transport": {"syntax", "contract.flow", "errors"},
    "siblings": {"syntax", "proxy"} | CONTRACT_AND_ERRORS,
    "store": {"ports", "awaiting"} | CONTRACT_AND_ERRORS,
    "jobs": {"ports"} | CONTRACT_AND_ERRORS,
    "sealing": CONTRACT_AND_ERRORS,
    "driver": {"syntax", "proxy", "calls", "ebr", "script", "transport", "ports"} | CONTRACT_AND_ERRORS,
    "watchdog": set(),
    "assembly": BELOW_SCRIPT | {"script", "driver", "tokens"},
    "testing": BELOW_SCRIPT | {"script", "driver", "assembly", "routes", "store.memory"},
    "config_values": {"errors"},
    "config": {"config_values", "contract.broker", "contract.event_log", "errors", "script.settings"},
}
"Every room of sipcore but those that join the others."

JOINING_ROOMS = {"worker", "__main__"}
SHELL = {"store", "jobs", "transport", "siblings", "config"}
"What only `worker` may have in one hand (R6)."

PURE_PACKAGES = {room: {"msgspec"} for room in ("contract", "syntax", "transaction", "proxy")}
"What a pure room may import from outside: what there are many of is made in C (ADR 19)."
IMPURE = {"asyncio", "selectors", "socket", "ssl", "subprocess", "threading", "time"}
CHANCE = {"random", "secrets", "uuid"}
"Tokens come from an injected `new_token()`: a test sees the same bytes twice."
CLOCK = re.compile(r"\bdate(time)?\.(now|utcnow|today)$")
WEB = {"channels", "django", "pbx", "psycopg"}
HOMES = {
    "redis": ("sipcore.store", "pbx.store", "pbx.dashboard.feed"),
    "hiredis": ("sipcore.store",),
    "celery": ("sipcore.jobs", "pbx.celery", "pbx.calls.tasks", "pbx.push.tasks", "pbx.subscribers.tasks"),
    "kombu": ("sipcore.jobs",),
}
"Where these packages may be imported (R4): a store can be replaced, and nobody hides I/O."


def room_table(source: Iterable[Module]) -> Iterator[str]:
    """§3: what a room of sipcore imports from the others is in the table."""
    for each in source:
        if each.room in JOINING_ROOMS:
            continue
        if each.room not in ROOMS:
            yield f"{each.name}: a new room; say in ROOMS, and in docs/architecture.md, what it may import"
            continue
        places = [f"sipcore.{room}" for room in (each.room, *ROOMS[each.room])]
        for line, name in each.imports:
            if is_within(name, "sipcore") and not is_within(name, *places):
                yield f"{each.name}:{line} imports {name}"


def purity(source: Iterable[Module]) -> Iterator[str]:
    """R1: rooms below the line import the standard library alone, less what does I/O, tells the time or throws dice."""
    for each in source:
        if each.room not in PURE_ROOMS:
            continue
        for line, name in each.imports:
            top = name.split(".")[0]
            allowed = sys.stdlib_module_names | {"sipcore"} | PURE_PACKAGES.get(each.room, set())
            if top in IMPURE | CHANCE or top not in allowed:
                yield f"{each.name}:{line} imports {name}"
        for node in each.nodes:
            if isinstance(node, ast.Attribute) and CLOCK.search(text := ast.unparse(node)):
                yield f"{each.name}:{node.lineno} asks the clock: {text}"


def no_web(source: Iterable[Module]) -> Iterator[str]:
    """R2: sipcore knows no Django."""
    for each in source:
        for line, name in each.imports:
            if each.half == "sipcore" and name.split(".")[0] in WEB:
                yield f"{each.name}:{line} imports {name}"


def one_seam(source: Iterable[Module]) -> Iterator[str]:
    """R3: pbx imports sipcore.contract and nothing else of sipcore."""
    for each in source:
        for line, name in each.imports:
            if each.half == "pbx" and is_within(name, "sipcore") and not is_within(name, "sipcore.contract"):
                yield f"{each.name}:{line} imports {name}"


def homes(source: Iterable[Module]) -> Iterator[str]:
    """R4: Redis and Celery are imported where they are at home."""
    for each in source:
        for line, name in each.imports:
            top = name.split(".")[0]
            if top in HOMES and not is_within(each.name, *HOMES[top]):
                yield f"{each.name}:{line} imports {name}"


def script_is_policy(source: Iterable[Module]) -> Iterator[str]:
    """R5: a routing script imports the script's words and the event names, and nothing at all beside."""
    for each in source:
        if each.half != "sipcore" or each.room != "routes":
            continue
        for line, name in each.imports:
            if not is_within(name, "sipcore.script", "sipcore.contract.events", "sipcore.routes", "__future__"):
                yield f"{each.name}:{line} imports {name}"


def one_joint(source: Iterable[Module]) -> Iterator[str]:
    """R6: nobody but the worker has two of store, jobs, transport and config in hand; nobody imports the worker."""
    for each in source:
        if each.half != "sipcore" or each.room in JOINING_ROOMS:
            continue
        names = [name for _, name in each.imports]
        shell = {room for room in SHELL - {each.room} if any(is_within(name, f"sipcore.{room}") for name in names)}
        if len(shell) > 1:
            yield f"{each.name} imports {' and '.join(sorted(shell))}"
        if any(is_within(name, "sipcore.worker") for name in names):
            yield f"{each.name} imports sipcore.worker"


RULES = [room_table, purity, no_web, one_seam, homes, script_is_policy, one_joint]
ONLY_SIPCORE = {room_table, purity}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule):
    source = modules("sipcore") if rule in ONLY_SIPCORE else modules("sipcore") + modules("pbx")

    assert list(rule(source)) == []


BROKEN = [
    (room_table, "sipcore.syntax.via", "from sipcore.proxy import core", "proxy.core"),
    (room_table, "sipcore.syntax.via", "from ..transaction.timers import Timers", "transaction.timers.Timers"),
    (room_table, "sipcore.transaction.layer", "from sipcore.contract import keys", "contract.keys"),
    (room_table, "sipcore.calls.tracker", "from sipcore.proxy.core import ProxyCore", "proxy.core"),
    (room_table, "sipcore.attic.thing", "", "a new room"),
    (purity, "sipcore.proxy.core", "import asyncio", "asyncio"),
    (purity, "sipcore.proxy.core", "def f():\n    from time import monotonic", "time.monotonic"),
    (purity, "sipcore.contract.keys", "import redis", "redis"),
    (purity, "sipcore.auth.nonce", "import secrets", "secrets"),
    (purity, "sipcore.registrar.answer", "import datetime\ndatetime.datetime.now()", "asks the clock"),
    (no_web, "sipcore.store.link", "from django.conf import settings", "django"),
    (no_web, "sipcore.worker", "import pbx.env", "pbx.env"),
    (one_seam, "pbx.push.sending", "from sipcore.syntax import Uri", "sipcore.syntax"),
    (one_seam, "pbx.push.sending", "import sipcore.errors", "sipcore.errors"),
    (homes, "pbx.push.sending", "import celery", "celery"),
    (homes, "sipcore.ebr.routing", "from redis.asyncio import Redis", "redis"),
    (script_is_policy, "sipcore.routes.pbx", "import os", "os"),
    (script_is_policy, "sipcore.routes.pbx", "from sipcore.ebr import EventRouting", "sipcore.ebr"),
    (one_joint, "sipcore.driver", "from sipcore.store import a\nfrom sipcore.jobs import b", "jobs and store"),
    (one_joint, "sipcore.driver", "from .worker import main", "sipcore.worker"),
]


@pytest.mark.parametrize(
    ("rule", "name", "source", "complaint"), BROKEN, ids=lambda value: getattr(value, "__name__", value)
)
def test_the_rule_complains(rule, name, source, complaint):
    complaints = list(rule([module(name, source)]))

    assert len(complaints) == 1
    assert complaint in complaints[0]


KEPT = [
    (room_table, "sipcore.transaction.layer", "from sipcore.contract.flow import Flow\nfrom ..syntax import Request"),
    (purity, "sipcore.registrar.answer", "import datetime\ndatetime.datetime.fromtimestamp(0)"),
    (purity, "sipcore.store.link", "import asyncio, redis"),
    (one_seam, "pbx.push.sending", "from sipcore.contract import jobs"),
    (script_is_policy, "sipcore.routes.pbx", "from sipcore.contract.events import E_CALL_PICKUP"),
    (one_joint, "sipcore.worker", "from sipcore import store, jobs, transport, config"),
]


@pytest.mark.parametrize(("rule", "name", "source"), KEPT, ids=lambda value: getattr(value, "__name__", value))
def test_the_rule_lets_pass(rule, name, source):
    assert list(rule([module(name, source)])) == []


def test_the_source_is_really_looked_at():
    assert {each.room for each in modules("sipcore")} >= set(PURE_ROOMS) - {"calls"}
    assert any(name.startswith("sipcore.contract") for each in modules("pbx") for _, name in each.imports)
