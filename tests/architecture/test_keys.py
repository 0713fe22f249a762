"""Redis keys are built in one place: no literal that starts a key of ours outside sipcore/contract/keys.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from .source import Module, module, modules

HOME = "sipcore.contract.keys"
KEY = re.compile(r"(?<![\w.])pbx:\w")

CELERYS_PREFIX = "pbx:celery:"
"What Celery puts before its own keys, on both sides of the queue; it begins none of ours."


def key_literals(source: Iterable[Module]) -> Iterator[str]:
    """Every string, docstrings aside, in which a key begins: in an f-string and in a Lua script too."""
    for each in source:
        if each.name == HOME:
            continue
        docstrings = {node.value for node in each.nodes if isinstance(node, ast.Expr)}
        for node in each.nodes:
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or node in docstrings:
                continue
            if KEY.search(node.value) and node.value != CELERYS_PREFIX:
                yield f"{each.name}:{node.lineno} {node.value!r}"


def test_no_key_is_spelt_out_anywhere_else():
    assert list(key_literals(modules("sipcore") + modules("pbx"))) == []


def test_the_keys_themselves_are_where_they_belong():
    (home,) = (each for each in modules("sipcore") if each.name == HOME)

    assert list(key_literals([Module("sipcore.elsewhere", home.tree)])) != []


@pytest.mark.parametrize(
    "source",
    ['KEY = "pbx:calls"', 'key = f"pbx:loc:{aor}"', "LUA = \"redis.call('INCR', 'pbx:calls:rev')\""],
)
def test_a_key_is_found(source):
    assert len(list(key_literals([module("sipcore.store.location", source)]))) == 1


@pytest.mark.parametrize(
    "source",
    ['TASK = "pbx.push.send_wakeup"', '"""Writes pbx:calls."""', 'log = "in pbx: nothing"', 'name = "my.pbx:x"'],
)
def test_what_is_no_key_is_left_alone(source):
    assert list(key_literals([module("sipcore.store.location", source)])) == []
