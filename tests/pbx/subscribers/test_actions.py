"""What may be done to subscribers and groups, and what comes of it in Postgres and in Redis."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from pbx.subscribers import actions
from pbx.subscribers.models import PickupGroup, Subscriber, UseActions
from sipcore.contract import keys
from sipcore.contract.credentials import ha1
from sipcore.contract.directory import PickupGroupRecord, SubscriberRecord
from sipcore.contract.records import from_json

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def published(store):
    """What workers would read of a subscriber; None when there is no record."""

    def read(aor: str) -> SubscriberRecord | None:
        text = store.get(keys.directory_subscriber(aor))
        return from_json(SubscriberRecord, text) if text else None

    return read


def test_a_new_subscriber_can_sign_in_with_either_algorithm(published):
    actions.create_subscriber(username="101", password="right-battery-7", display_name="Bob")

    assert published("101@pbx.test") == SubscriberRecord(
        aor="101@pbx.test",
        username="101",
        realm="pbx.test",
        ha1={name: ha1(name, "101", "pbx.test", "right-battery-7") for name in ("MD5", "SHA-256")},
        display_name="Bob",
        revision=1,
    )


def test_the_password_is_kept_nowhere(store):
    subscriber = actions.create_subscriber(username="101", password="right-battery-7")

    assert "right-battery-7" not in repr(Subscriber.objects.filter(pk=subscriber.pk).values())
    assert "right-battery-7" not in store.get(keys.directory_subscriber("101@pbx.test"))


def test_published_rows_are_not_pending(store):
    actions.create_subscriber(username="101", password="right-battery-7")
    actions.create_group(name="sales")

    assert not Subscriber.objects.pending().exists()
    assert not PickupGroup.objects.pending().exists()


def test_nothing_is_published_by_a_transaction_that_is_rolled_back(published):
    from django.db import transaction

    with transaction.atomic():
        actions.create_subscriber(username="101", password="right-battery-7")
        transaction.set_rollback(True)

    assert published("101@pbx.test") is None


@pytest.mark.parametrize(
    ("_case", "fields", "field"),
    [
        ("spaces in the name", {"username": "1 1"}, "username"),
        ("an at sign in the name", {"username": "101@pbx.test"}, "username"),
        ("a name with a line feed at its end", {"username": "101\n"}, "username"),
        ("no name", {"username": ""}, "username"),
        ("a name of 65 letters", {"username": "x" * 65}, "username"),
        ("a pickup code", {"username": "33"}, "username"),
        ("a domain that is none", {"domain": "pbx test"}, "domain"),
        ("an address that is none", {"email": "bob"}, "email"),
        ("no password", {"password": ""}, None),
        ("the name as the password", {"password": "101"}, None),
        ("a password with a control character", {"password": "a\tb"}, None),
        ("a password of 129 letters", {"password": "x" * 129}, None),
    ],
)
def test_what_is_wrong_is_refused_field_by_field(_case, fields, field):
    with pytest.raises(ValidationError) as refusal:
        actions.create_subscriber(**{"username": "101", "password": "right-battery-7", **fields})

    assert field is None or field in refusal.value.message_dict
    assert not Subscriber.objects.exists()


def test_the_same_name_may_live_in_two_domains_but_not_twice_in_one():
    actions.create_subscriber(username="101", password="right-battery-7")
    actions.create_subscriber(username="101", password="right-battery-7", domain="Other.Test")

    with pytest.raises(ValidationError):
        actions.create_subscriber(username="101", password="right-battery-7", domain="PBX.test")

    assert [str(row) for row in Subscriber.objects.all()] == ["101@other.test", "101@pbx.test"]


def test_a_suspended_subscriber_is_published_as_such(published):
    subscriber = actions.create_subscriber(username="101", password="right-battery-7")

    actions.set_enabled(subscriber, False)

    assert published("101@pbx.test").enabled is False
    assert published("101@pbx.test").revision == 2


def test_a_deleted_subscriber_leaves_no_record_and_workers_hear_of_it(store, published):
    subscriber = actions.create_subscriber(username="101", password="right-battery-7")
    listening = store.pubsub(ignore_subscribe_messages=True)
    listening.subscribe(keys.DIRECTORY_CHANGED)
    listening.get_message(timeout=1)

    actions.delete_subscriber(subscriber)

    assert published("101@pbx.test") is None
    assert listening.get_message(timeout=1)["data"] == "sub:101@pbx.test"


def test_a_new_password_replaces_both_hashes(published):
    subscriber = actions.create_subscriber(username="101", password="right-battery-7")

    actions.change_password(subscriber, "wrong-battery-8")

    assert published("101@pbx.test").ha1["MD5"] == ha1("MD5", "101", "pbx.test", "wrong-battery-8")
    assert published("101@pbx.test").ha1["SHA-256"] == ha1("SHA-256", "101", "pbx.test", "wrong-battery-8")


def test_renaming_needs_the_password_and_moves_the_record(published):
    subscriber = actions.create_subscriber(username="101", password="right-battery-7")
    with pytest.raises(ValidationError):
        actions.update_subscriber(subscriber, username="102")

    actions.update_subscriber(subscriber, username="102", password="right-battery-7")

    assert published("101@pbx.test") is None
    assert published("102@pbx.test").ha1["MD5"] == ha1("MD5", "102", "pbx.test", "right-battery-7")


def test_a_stale_copy_does_not_undo_what_happened_meanwhile():
    stale = actions.create_subscriber(username="101", password="right-battery-7")
    actions.update_subscriber(stale, display_name="Bob")

    row = actions.set_enabled(stale, False)

    assert (row.display_name, row.enabled) == ("Bob", False)


def test_only_the_profile_can_be_updated():
    subscriber = actions.create_subscriber(username="101", password="right-battery-7")

    with pytest.raises(TypeError, match="ha1_md5"):
        actions.update_subscriber(subscriber, ha1_md5="0" * 32)


def test_queries_cannot_change_subscribers_behind_the_directory():
    actions.create_subscriber(username="101", password="right-battery-7")

    with pytest.raises(UseActions):
        Subscriber.objects.update(enabled=False)
    with pytest.raises(UseActions):
        Subscriber.objects.all().delete()


def test_members_of_a_group_can_be_picked_and_may_pick(store, published):
    bob = actions.create_subscriber(username="101", password="right-battery-7")

    group = actions.create_group(name="sales", code="*81", members=[bob])

    text = store.get(keys.directory_group(str(group.pk)))
    assert from_json(PickupGroupRecord, text) == PickupGroupRecord(str(group.pk), "sales", "*81", "when_ringing")
    record = published("101@pbx.test")
    assert (record.pickup_groups, record.may_pick) == ((str(group.pk),), (str(group.pk),))


def test_interceptors_may_pick_without_being_members(published):
    bob = actions.create_subscriber(username="101", password="right-battery-7")
    dan = actions.create_subscriber(username="102", password="right-battery-7")

    group = actions.create_group(name="sales", members=[bob], interceptors=[dan])

    assert published("101@pbx.test").may_pick == ()
    assert published("102@pbx.test").pickup_groups == ()
    assert published("102@pbx.test").may_pick == (str(group.pk),)


def test_leaving_a_group_is_published_for_those_who_left_and_nobody_else(published):
    bob = actions.create_subscriber(username="101", password="right-battery-7")
    dan = actions.create_subscriber(username="102", password="right-battery-7")
    group = actions.create_group(name="sales", members=[bob, dan])
    before = published("102@pbx.test").revision

    actions.update_group(group, members=[dan], interceptors=[dan])

    assert published("101@pbx.test").pickup_groups == ()
    assert published("102@pbx.test").revision == before


def test_a_deleted_group_disappears_from_its_people(store, published):
    bob = actions.create_subscriber(username="101", password="right-battery-7")
    group = actions.create_group(name="sales", members=[bob])

    actions.delete_group(group)

    assert store.get(keys.directory_group(str(group.pk))) is None
    assert published("101@pbx.test").pickup_groups == ()


def test_groups_of_a_subscriber_are_replaced(published):
    sales, support = actions.create_group(name="sales"), actions.create_group(name="support")
    bob = actions.create_subscriber(username="101", password="right-battery-7", pickup_groups=[sales])

    actions.set_pickup_groups(bob, [support], may_pick=[sales, support])

    record = published("101@pbx.test")
    assert record.pickup_groups == (str(support.pk),)
    assert record.may_pick == (str(sales.pk), str(support.pk))


@pytest.mark.parametrize(
    ("_case", "code"),
    [
        ("letters", "abc"),
        ("a code of the whole server", "*8"),
        ("the prefix of directed pickup", "**7"),
        ("somebody's number", "101"),
    ],
)
def test_a_group_code_means_one_thing(_case, code):
    actions.create_subscriber(username="101", password="right-battery-7")

    with pytest.raises(ValidationError) as refusal:
        actions.create_group(name="sales", code=code)

    assert "code" in refusal.value.message_dict


def test_a_subscriber_cannot_take_the_number_of_a_group():
    actions.create_group(name="sales", code="81")

    with pytest.raises(ValidationError):
        actions.create_subscriber(username="81", password="right-battery-7")


def test_groups_without_a_code_do_not_get_in_each_others_way():
    actions.create_group(name="sales", code="")
    actions.create_group(name="support", code=None)

    assert PickupGroup.objects.filter(code=None).count() == 2
