"""What Django writes about subscribers and groups is what sipcore reads."""

from __future__ import annotations

from pbx.subscribers.directory import group_record, subscriber_record
from pbx.subscribers.models import PickupGroup, Subscriber
from pbx.subscribers.passwords import set_password
from sipcore.contract.credentials import ha1
from sipcore.contract.directory import CANCEL_ORIGINAL, PickupGroupRecord, SubscriberRecord
from sipcore.contract.records import from_json, to_json


def a_row(settings) -> Subscriber:
    settings.SIP_REALM = "pbx.test"
    row = Subscriber(username="Bob", domain="pbx.test", display_name="밥", enabled=False, revision=7)
    set_password(row, "right-battery-7")
    row.group_ids, row.may_pick_ids, row.usable_devices = [3, 5], [5], 2
    return row


def test_a_published_subscriber_is_read_back_whole(settings):
    text = to_json(subscriber_record(a_row(settings)))

    assert from_json(SubscriberRecord, text) == SubscriberRecord(
        aor="Bob@pbx.test",
        username="Bob",
        realm="pbx.test",
        ha1={
            "MD5": ha1("MD5", "Bob", "pbx.test", "right-battery-7"),
            "SHA-256": ha1("SHA-256", "Bob", "pbx.test", "right-battery-7"),
        },
        display_name="밥",
        enabled=False,
        pickup_groups=("3", "5"),
        may_pick=("5",),
        push_devices=2,
        revision=7,
    )


def test_neither_the_password_nor_its_hashes_show_in_a_repr(settings):
    row = a_row(settings)

    record = subscriber_record(row)

    assert "right-battery-7" not in to_json(record).decode()
    assert row.ha1_md5 not in repr(record)


def test_a_published_group_is_read_back_whole():
    group = PickupGroup(pk=4, name="sales", code=None, cancel_original="at_once")

    text = to_json(group_record(group))

    assert from_json(PickupGroupRecord, text) == PickupGroupRecord("4", "sales", "", "at_once")


def test_the_choices_of_a_group_are_those_of_the_contract():
    assert tuple(PickupGroup.CancelOriginal.values) == CANCEL_ORIGINAL
