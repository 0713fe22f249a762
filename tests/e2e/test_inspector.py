"""Who waits for what, in a real browser on the whole product, with calls that are really held."""

from __future__ import annotations

from typing import Any

import pytest

from .exchange import Exchange
from .test_browser import page, picture  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def rows(page: Any) -> Any:  # noqa: F811
    return page.locator("#listing tbody tr")


@pytest.mark.acceptance("H20")
def test_held_calls_are_listed_and_a_subscription_that_is_killed_never_fires(page: Any, exchange: Exchange) -> None:  # noqa: F811
    asleep = [exchange.person() for _ in range(3)]
    callers = [exchange.scripted(exchange.person()) for _ in asleep]
    page.goto("/subscriptions/?event=E_UL_CONTACT_INSERT")
    page.wait_for_selector("text=No live subscription matches")

    calls = [caller.call(who.username) for caller, who in zip(callers, asleep, strict=True)]

    for who in asleep:  # the page looks by itself
        page.wait_for_selector(f"#listing tr:has-text('aor={who.username}@')")
    for row in rows(page).all():
        assert row.locator("code", has_text="E_UL_CONTACT_INSERT").count() == 1
        assert float(row.locator("progress").get_attribute("value")) > 0
        assert row.locator("a[href^='/calls/']").count() == 1
    picture(page, "subscriptions")

    killed = rows(page).filter(has_text=f"aor={asleep[1].username}@")
    while killed.count():
        killed.first.locator("a.btn").click()
        page.wait_for_selector("text=It never fires again")
        picture(page, "subscription-end")
        page.click("main button.btn-danger")
        page.wait_for_selector(".alert-success")
        page.goto("/subscriptions/?event=E_UL_CONTACT_INSERT")
    phones = [exchange.scripted(who) for who in asleep]
    ringing = [phones[0].wait_for_call(), phones[2].wait_for_call()]
    for incoming in ringing:
        incoming.respond(486)
    calls[0].wait_for(486)
    calls[2].wait_for(486)
    with pytest.raises(AssertionError):
        phones[1].wait_for_call(seconds=1)

    page.goto("/audit/")
    entry = page.locator("#listing tbody tr").first
    assert "admin" in entry.text_content()
    assert "ended a subscription" in entry.text_content()
    picture(page, "audit")
