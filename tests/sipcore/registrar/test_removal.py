from __future__ import annotations

import pytest

from sipcore.contract.flow import Flow
from sipcore.contract.location import Binding, BindingChanges
from sipcore.registrar import drop_connection, expire, remove

from .phones import AOR, EPOCH, apply, register

TCP = Flow("tcp", "198.51.100.7", 33001, "tcp-1")


@pytest.fixture
def current() -> tuple[Binding, ...]:
    desk = apply(register("<sip:bob@192.168.1.5>;expires=60", call_id="desk")).bindings
    return apply(register("<sip:bob@192.168.1.6>;expires=600", call_id="soft"), desk, flow=TCP).bindings


def test_a_binding_expires_at_its_very_second(current):
    assert expire(AOR, current, EPOCH + 59.999).is_empty

    changes = expire(AOR, current, EPOCH + 60)

    assert changes == BindingChanges(AOR, current[1:], removed=current[:1], removed_reason="expired")


def test_a_closed_connection_takes_its_bindings_along(current):
    changes = drop_connection(AOR, current, "tcp-1")

    assert changes == BindingChanges(AOR, current[:1], removed=current[1:], removed_reason="flow-lost")


@pytest.mark.parametrize(("connection", "worker"), [("tcp-2", ""), ("", ""), ("tcp-1", "worker-b")])
def test_other_connections_take_nothing(current, connection, worker):
    assert drop_connection(AOR, current, connection, worker=worker).is_empty


def test_an_administrator_removes_one(current):
    changes = remove(AOR, current, "sip:bob@192.168.1.6")

    assert changes == BindingChanges(AOR, current[:1], removed=current[1:], removed_reason="admin")


def test_removing_an_unknown_key_changes_nothing(current):
    assert remove(AOR, current, "nobody").is_empty
