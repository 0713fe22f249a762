"""Testing the credentials from the page's process: the provider's answer, kept."""

from __future__ import annotations

import pytest

from pbx.push.checking import check_credentials
from pbx.push.models import CredentialsTest

pytestmark = pytest.mark.django_db


def test_right_credentials_of_each_provider(fcm):
    said = check_credentials("fcm")

    assert (said.accepted, said.status, said.reason) == (True, 200, "")
    assert CredentialsTest.objects.get() == said


@pytest.mark.parametrize("name", ["apns", "apns.dev"])
def test_apple_both_ways(name, apns):
    assert check_credentials(name).accepted


def test_a_test_replaces_the_one_before(apns, settings):
    check_credentials("apns")
    settings.APNS_TEAM_ID = "OTHER12345"

    said = check_credentials("apns")

    assert (said.accepted, said.status, said.reason) == (False, 403, "InvalidProviderToken")
    assert CredentialsTest.objects.count() == 1


def test_nothing_set_up():
    assert check_credentials("fcm").reason == "not-configured: fcm"


def test_something_that_cannot_be_used(settings):
    settings.FCM_CREDENTIALS = "{}"

    assert check_credentials("fcm").reason.startswith("wrong-credentials: PBX_FCM_CREDENTIALS is no service account")


def test_a_provider_that_cannot_be_reached(fcm):
    fcm.close()

    assert check_credentials("fcm").reason == "unreachable: ConnectError"
