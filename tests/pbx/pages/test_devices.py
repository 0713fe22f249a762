import pytest

from pbx.push import actions
from pbx.push.models import PushDevice

TOKEN = "0123456789abcdef0123456789"


def text(response):
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def device(page, make):
    return actions.add_device(make("101"), provider="http", token=TOKEN)


def test_devices_are_listed_with_masked_tokens(page, device):
    for address in ("/devices/", f"/devices/{device.pk}/", "/devices/?q=0123"):
        shown = text(page.get(address))
        assert "0123…6789" in shown
        assert TOKEN not in shown


def test_devices_are_filtered_by_state(page, device):
    PushDevice.objects.update(state="refused", last_error="HTTP 410")

    assert "The token is dead." in text(page.get("/devices/?state=refused"))
    assert "No device matches" in text(page.get("/devices/?state=works"))


def test_a_device_is_added_by_hand_and_its_token_not_shown_again(page, make):
    form = {"subscriber": make("101").pk, "provider": "http", "token": TOKEN}

    shown = text(page.post("/devices/new/", form, follow=True))

    assert PushDevice.objects.get().token == TOKEN
    assert TOKEN not in shown


def test_a_refused_form_does_not_repeat_the_token(page, make):
    make("101")

    shown = text(page.post("/devices/new/", {"subscriber": "", "provider": "http", "token": TOKEN}))

    assert "This field is required." in shown
    assert TOKEN not in shown


def test_removing_asks_first(page, device):
    assert "comes back with its next registration" in text(page.get(f"/devices/{device.pk}/delete/"))

    page.post(f"/devices/{device.pk}/delete/")

    assert not PushDevice.objects.exists()
