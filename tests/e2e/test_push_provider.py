"""A phone behind a real provider's protocol: woken through Google's look-alike, over TLS and HTTP/2, by the whole product."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.machine import require_binary, wait_until
from tests.support.product import ProductUnderTest, Subscriber
from tests.support.push_providers import FcmServer

from .clients.scripted import ScriptedPhone

pytestmark = pytest.mark.timeout(180)

TOKEN = "fcm-token:0123456789-abcdef"
PARAMETERS = f";pn-provider=fcm;pn-param={FcmServer.project};pn-prid="
INSTANCE = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000042>"'


WAIT_FOR_OWNER = """
import time
from pbx.push.models import PushDevice
deadline = time.monotonic() + 20
while not any(not device.subscriber.is_pending for device in PushDevice.objects.filter(subscriber__username={username!r})):
    assert time.monotonic() < deadline
    time.sleep(0.05)
"""
"The device is kept, and the workers know that there is one."


@pytest.fixture(scope="module")
def google(tmp_path_factory) -> Iterator[FcmServer]:
    server = FcmServer(tmp_path_factory.mktemp("google"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def product(google, tmp_path_factory) -> Iterator[ProductUnderTest]:
    settings = {
        "PBX_FCM_CREDENTIALS": google.credentials(),
        "PBX_FCM_URL": google.url,
        "PBX_PUSH_CA": str(google.ca_file),
    }
    product = ProductUnderTest(tmp_path_factory.mktemp("product"), environment=settings)
    product.start()
    yield product
    product.stop()


def phone_of(product: ProductUnderTest, who: Subscriber) -> ScriptedPhone:
    return ScriptedPhone((product.host, product.sip_port), who.username, who.password)


def register(phone: ScriptedPhone, token: str = TOKEN):
    return phone.register(uri_parameters=PARAMETERS + token, parameters=INSTANCE)


def fall_asleep(product: ProductUnderTest, who: Subscriber, google: FcmServer, token: str = TOKEN) -> int:
    """Register once with a token, as an app does when it is opened, and vanish; return how many pushes there were."""
    phone = phone_of(product, who)
    answer = register(phone, token)
    assert answer.all("feature-caps") == ['*;+sip.pns="fcm"']
    product.manage("shell", "--no-imports", "-c", WAIT_FOR_OWNER.format(username=who.username))
    phone.close()
    return len(google.pushes)


@pytest.mark.acceptance("H63")
@pytest.mark.acceptance("H75")
def test_a_phone_is_woken_through_google_and_gets_the_call_that_the_push_named(product, google) -> None:
    alice, bob = product.new_subscribers(2)
    before = fall_asleep(product, bob, google)
    caller = phone_of(product, alice)
    caller.register()

    call = caller.call(bob.username)
    wait_until(lambda: len(google.pushes) > before, 10, "no push came")
    push = google.pushes[-1].body["message"]
    woken = phone_of(product, bob)
    register(woken)
    incoming = woken.wait_for_call()

    assert push["token"] == TOKEN
    assert push["data"]["call_id"] == incoming.invite.header("call-id")
    incoming.respond(180)
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()
    call.bye(incoming)
    for phone in (caller, woken):
        phone.close()


@pytest.mark.acceptance("H46")
def test_a_call_that_ended_while_celery_stood_still_wakes_nobody_afterwards(product, google) -> None:
    alice, bob, carol = product.new_subscribers(3)
    before = fall_asleep(product, bob, google, "token-of-bob:0123456789")
    fall_asleep(product, carol, google, "token-of-carol:0123456789")
    caller = phone_of(product, alice)
    caller.register()

    product.kill_child("celery", signal.SIGSTOP)
    try:
        call = caller.call(bob.username)
        call.wait_for(100)
        time.sleep(1.0)  # the wake-up is in the queue
        call.cancel()
        call.wait_for(487)
    finally:
        product.kill_child("celery", signal.SIGCONT)
    later = caller.call(carol.username)
    wait_until(lambda: len(google.pushes) > before, 20, "no push came")
    later.cancel()
    later.wait_for(487)

    assert [push.body["message"]["token"] for push in google.pushes[before:]] == ["token-of-carol:0123456789"]
    caller.close()


@pytest.mark.browser
def test_the_stopwatch_shows_each_stage_of_a_test_wake(product, google) -> None:
    program = require_binary("chromium", "chromium-browser")
    from playwright.sync_api import sync_playwright

    (bob,) = product.new_subscribers(1)
    before = fall_asleep(product, bob, google)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page: Any = browser.new_page(base_url=product.http_url)
        page.goto("/login/")
        page.fill("#id_username", product.admin[0])
        page.fill("#id_password", product.admin[1])
        page.click("button.btn-primary")
        page.wait_for_url(product.http_url + "/")

        page.goto("/push/")
        page.click("form[action='/push/fcm/check/'] button")
        page.wait_for_selector(".alert-success")
        assert "Firebase Cloud Messaging accepts our credentials" in page.inner_text(".alert-success")

        page.goto(f"/devices/?q={bob.username}")
        page.click("text=Test wake")
        page.click("text=Wake it now")
        page.wait_for_selector("[data-stage=accepted].is-done")
        assert page.query_selector("[data-stage=registered].is-next")
        wait_until(lambda: len(google.pushes) > before + 1, 5, "no push came")
        assert google.pushes[-1].body["message"]["data"]["type"] == "test"

        time.sleep(0.5)
        phone = phone_of(product, bob)
        register(phone)
        page.wait_for_selector("[data-stage=ready].is-done")
        assert "Woke in" in page.inner_text("[data-verdict]")
        phone.close()
        browser.close()
