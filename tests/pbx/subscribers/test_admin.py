"""The back office writes through the actions."""

from __future__ import annotations

import pytest
from django.urls import reverse

from pbx.subscribers import actions
from pbx.subscribers.models import PickupGroup, Subscriber
from sipcore.contract import keys

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_subscriber_made_in_the_admin_is_published(admin_client, store):
    form = {"username": "101", "domain": "pbx.test", "enabled": "on", "password": "right-battery-7"}

    answer = admin_client.post(reverse("admin:subscribers_subscriber_add"), form)

    assert answer.status_code == 302, answer.context["errors"]
    assert store.exists(keys.directory_subscriber("101@pbx.test"))


def test_an_empty_password_keeps_the_old_one(admin_client, new_subscriber):
    bob = new_subscriber("101")
    form = {"username": "101", "domain": "pbx.test", "display_name": "Bob", "password": ""}

    admin_client.post(reverse("admin:subscribers_subscriber_change", args=[bob.pk]), form)

    row = Subscriber.objects.get()
    assert (row.display_name, row.enabled, row.ha1_md5) == ("Bob", False, bob.ha1_md5)


@pytest.mark.parametrize(
    ("_case", "changes", "message"),
    [
        ("no password for a new name", {"username": "102"}, "A password is needed."),
        ("a pickup code", {"username": "33", "password": "right-battery-7"}, "is a pickup code"),
    ],
)
def test_what_the_actions_refuse_is_an_error_of_the_form(_case, changes, message, admin_client, new_subscriber):
    bob = new_subscriber("101")
    form = {"username": "101", "domain": "pbx.test", "password": "", **changes}

    answer = admin_client.post(reverse("admin:subscribers_subscriber_change", args=[bob.pk]), form)

    assert message in str(answer.context["errors"])


def test_deleting_many_in_the_list_removes_their_records(admin_client, new_subscriber, store):
    rows = [new_subscriber("101"), new_subscriber("102")]
    form = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"}

    admin_client.post(reverse("admin:subscribers_subscriber_changelist"), form)

    assert not Subscriber.objects.exists()
    assert not store.exists(*(keys.directory_subscriber(row.aor) for row in rows))


def test_a_group_is_saved_with_its_people(admin_client, new_subscriber, store):
    bob, dan = new_subscriber("101"), new_subscriber("102")
    form = {"name": "sales", "code": "", "cancel_original": "at_once", "members": [bob.pk], "interceptors": [dan.pk]}

    admin_client.post(reverse("admin:subscribers_pickupgroup_add"), form)

    group = PickupGroup.objects.get()
    assert ([*group.members.all()], [*group.interceptors.all()]) == ([bob], [dan])
    assert store.exists(keys.directory_group(str(group.pk)))


def test_a_group_that_is_changed_in_the_admin_is_published(admin_client, new_subscriber, store):
    group = actions.create_group(name="sales", members=[new_subscriber("101")])
    form = {"name": "verkauf", "code": "*81", "cancel_original": "at_once", "members": [], "interceptors": []}

    admin_client.post(reverse("admin:subscribers_pickupgroup_change", args=[group.pk]), form)

    assert "verkauf" in store.get(keys.directory_group(str(group.pk)))
    assert not group.members.exists()
