"""The first hour of an administrator, in a real browser on the whole product, with a real call."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.machine import require_binary
from tests.support.product import ProductUnderTest

from .clients.scripted import ScriptedPhone

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WORDS = {
    "en": {"ringing": "ringing", "answered": "in call", "ended": "ended"},
    "ko": {"ringing": "벨 울림", "answered": "통화 중", "ended": "종료"},
}
SCREENSHOTS = os.environ.get("PBX_TEST_SCREENSHOTS", "")
"A directory to put pictures of what was seen into."


@pytest.fixture
def page(product: ProductUnderTest) -> Iterator[Any]:
    """A browser signed in as the administrator, on the dashboard."""
    program = require_binary("chromium", "chromium-browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(base_url=product.http_url, viewport={"width": 1280, "height": 800})
        page.goto("/login/")
        page.fill("#id_username", product.admin[0])
        page.fill("#id_password", product.admin[1])
        page.click("button.btn-primary")
        page.wait_for_url(product.http_url + "/")
        yield page
        browser.close()


def picture(page: Any, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), full_page=True)


def create_subscriber(page: Any, number: str, password: str) -> None:
    page.goto("/subscribers/new/")
    page.fill("#id_username", number)
    page.fill("#id_password", password)
    page.fill("#id_display_name", f"Browser {number}")
    page.click("main button[type=submit]")
    page.wait_for_selector(".alert-success")


def row_of(page: Any, call_text: str) -> Any:
    return page.locator("[data-board] .board-row", has_text=call_text)


def seen_within(page: Any, row: Any, state: str, since: float) -> float:
    """Wait until the row shows that state; return how long after `since` it did."""
    deadline = time.monotonic() + 5
    while (shown := row.locator(".status").first.text_content().strip()) != state:
        assert time.monotonic() < deadline, f"the row still says {shown!r}, not {state!r}"
        page.wait_for_timeout(20)
    return time.monotonic() - since


@pytest.mark.parametrize("language", ["en", "ko"])
def test_users_and_a_group_are_made_and_a_call_is_watched(page: Any, product: ProductUnderTest, language: str) -> None:
    first, second = ("8101", "8102") if language == "en" else ("8201", "8202")
    for number in (first, second):
        create_subscriber(page, number, f"password-of-{number}")
    page.goto("/groups/new/")
    page.fill("#id_name", f"Sales {language}")
    people = page.locator("#paired tbody tr")
    people.filter(has_text=second).locator("[name=members]").check()
    people.filter(has_text=first).locator("[name=interceptors]").check()
    page.click("main button[type=submit]")
    page.wait_for_selector(".alert-success")
    picture(page, f"group-{language}")

    if language == "ko":
        page.locator("select[name=language]:visible").select_option("ko")
        page.wait_for_selector("html[lang=ko]")
    words = WORDS[language]

    server = (product.host, product.sip_port)
    with (
        ScriptedPhone(server, first, f"password-of-{first}") as alice,
        ScriptedPhone(server, second, f"password-of-{second}") as bob,
    ):
        assert alice.register().status == 200
        assert bob.register().status == 200
        page.goto("/")
        page.wait_for_selector("[data-connection='live']")

        call = alice.call(second)
        incoming = bob.wait_for_call()
        row = row_of(page, second)
        row.wait_for(timeout=5000)

        incoming.respond(180)
        shown = [seen_within(page, row, words["ringing"], time.monotonic())]
        picture(page, f"ringing-{language}")
        call.wait_for(180)
        incoming.respond(200)
        answered = time.monotonic()
        call.wait_for(200)
        incoming.wait_for_ack()
        shown.append(seen_within(page, row, words["answered"], answered))
        picture(page, f"answered-{language}")
        ended = time.monotonic()
        with ThreadPoolExecutor(1) as other:
            confirmed = other.submit(incoming.wait_for_bye)
            call.bye()
            confirmed.result()
        shown.append(seen_within(page, row, words["ended"], ended))
        picture(page, f"ended-{language}")

    assert row.count() == 1, "one call is one row"
    assert max(shown) < 1.0, f"seconds until the screen showed ringing, answered, ended: {shown}"
