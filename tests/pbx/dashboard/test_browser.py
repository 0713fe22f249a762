"""The pages in a real browser, on a real server: what an administrator sees, and how fast."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbx.supervisor.layout import Layout
from sipcore.contract import keys
from sipcore.contract.calls import BranchState

from .board_writer import BoardWriter, call

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGES = (
    "/",
    "/subscribers/",
    "/subscribers/new/",
    "/groups/",
    "/groups/new/",
    "/devices/",
    "/devices/new/",
    "/calls/",
    "/events/",
    "/subscriptions/",
    "/subscriptions/try/?event=E_UL_CONTACT_INSERT",
    "/audit/",
    "/api/v1/docs",
    "/password/",
)

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest):
    """Database, Redis and pages, without the SIP side: the tests write the board."""
    from tests.support.product import ProductUnderTest

    if CHROMIUM is None and not os.environ.get("E2E_REQUIRED"):
        pytest.skip("no Chromium")
    cache = request.config.cache.mkdir("static") if request.config.cache is not None else None
    product = ProductUnderTest(tmp_path_factory.mktemp("web"), arguments=["--only", "web"], static_cache=cache)
    try:
        yield product.start()
    finally:
        product.stop()


@pytest.fixture(scope="module")
def chromium(server) -> Iterator:
    """A browser with a session of the administrator."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(base_url=server.http_url)
        page.goto("/login/")
        page.fill("#id_username", server.admin[0])
        page.fill("#id_password", server.admin[1])
        page.click("button.btn-primary")
        page.wait_for_url(server.http_url + "/")
        browser.signed_in = page.context.storage_state()
        page.context.close()
        yield browser
        browser.close()


@pytest.fixture
def workers(server) -> Iterator[BoardWriter]:
    """What SIP workers write, on an empty board."""
    writer = BoardWriter(Layout(server.data).redis_url)
    yield writer
    for uid in writer.redis.hkeys(keys.CALLS):
        writer.remove(uid)
    writer.redis.close()


@pytest.fixture
def open_page(server, chromium) -> Iterator:
    """Opens a page; whatever it complains about on its console fails the test."""
    contexts, complaints = [], []

    def open_one(path: str, *, width: int = 1280, expected: str = "", **wishes):
        context = chromium.new_context(
            base_url=server.http_url,
            storage_state=chromium.signed_in,
            viewport={"width": width, "height": 800},
            **wishes,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and not (expected and expected in message.text)
                else None
            ),
        )
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def live(page):
    page.wait_for_selector("[data-connection='live']")
    return page


def rows(page) -> dict[str, str]:
    """The calls on the board that are not over, with their states; a call that is shown twice fails."""
    shown = page.eval_on_selector_all(
        ".board-row:not(.is-ended)",
        "rows => rows.map(row => [row.dataset.uid, row.querySelector('.status').textContent])",
    )
    assert len(shown) == len(dict(shown)), "a call has two rows"
    return dict(shown)


def create(page, number: str) -> None:
    page.goto("/subscribers/new/")
    page.fill("#id_username", number)
    page.click("text=Make one")
    page.click("main button[type=submit]")
    page.wait_for_selector(".alert-success")


def wait_for(page, expected: dict[str, str]) -> None:
    deadline = time.monotonic() + 10
    while rows(page) != expected:
        assert time.monotonic() < deadline, f"{rows(page)} is not {expected}"
        page.wait_for_timeout(50)


def test_a_change_is_on_the_screen_within_a_second(open_page, workers):
    page = live(open_page("/"))
    delays = []
    for number in range(20):
        uid = f"c{number}"
        page.evaluate(
            """uid => { window.seen = new Promise(done => new MutationObserver(() => {
                if (document.querySelector(`[data-uid='${uid}']`)) done(Date.now());
            }).observe(document.querySelector('[data-board]'), {childList: true})) }""",
            uid,
        )
        written = time.time()
        workers.put(call(uid, state="ringing"))
        delays.append(page.evaluate("window.seen") / 1000 - written)

    assert sorted(delays)[18] < 1.0, delays


def test_a_call_goes_through_its_states_in_one_row_and_ends_grey(open_page, workers):
    page = live(open_page("/"))
    for state, word in (("setup", "setup"), ("waking", "waking"), ("ringing", "ringing"), ("answered", "in call")):
        workers.put(call("a", state=state, caller_name="김철수", answered_at=time.time() - 65))
        wait_for(page, {"a": word})
    assert page.inner_text("[data-counter='answered']") == "1"
    assert page.inner_text(".board-time").startswith("1:0")

    workers.remove("a")
    wait_for(page, {})

    ended = page.locator(".board-row.is-ended")
    assert ended.count() == 1
    assert "김철수" in ended.inner_text()
    assert page.inner_text("[data-counter='answered']") == "0"


def test_an_ended_call_leaves_after_half_a_minute(open_page, workers):
    page = open_page("/")
    page.clock.install()
    page.reload()
    live(page)
    workers.put(call("a"))
    wait_for(page, {"a": "setup"})
    workers.remove("a")
    wait_for(page, {})

    page.clock.run_for(25_000)
    assert page.locator(".board-row").count() == 1
    page.clock.run_for(10_000)
    assert page.locator(".board-row").count() == 0
    assert page.is_visible("text=No calls right now")


def test_branches_fold_out_with_the_keyboard_and_stay_open_while_they_change(open_page, workers):
    def branch(state: str) -> BranchState:
        return BranchState(
            id="b", target="102@pbx.test", contact="", device="Zoiper <b>5</b>", source="event", state=state
        )

    page = live(open_page("/"))
    workers.put(call("a", state="ringing", branches=(branch("trying"),)))
    wait_for(page, {"a": "ringing"})
    page.focus(".board-row summary")
    page.keyboard.press("Enter")
    workers.put(call("a", state="ringing", branches=(branch("ringing"),)))
    page.wait_for_selector(".branches >> text=ringing")

    shown = page.inner_text(".branches")
    assert "Zoiper <b>5</b>" in shown
    assert "registered while it rang" in shown
    assert page.eval_on_selector(".board-row details", "details => details.open")


def test_after_forced_drops_the_board_equals_the_servers(open_page, workers, server):
    page = live(open_page("/", expected="WebSocket"))
    workers.put(call("stays", state="answered"))
    workers.put(call("goes", state="ringing"))
    wait_for(page, {"stays": "in call", "goes": "ringing"})

    workers.drop_subscribers()  # between server and Redis
    workers.put(call("new", state="ringing"))
    wait_for(page, {"stays": "in call", "goes": "ringing", "new": "ringing"})

    page.context.set_offline(True)  # whatever comes next is missed
    before = server.kill_child("web")
    page.wait_for_selector("[data-connection='lost']")
    workers.remove("goes")
    workers.put(call("new", state="answered"))
    workers.put(call("newer"))
    server.wait_for_new_child("web", before)
    page.context.set_offline(False)

    page.wait_for_selector("[data-connection='reconnected']", timeout=30_000)
    wait_for(page, {"stays": "in call", "new": "in call", "newer": "setup"})


def test_the_feed_is_paused_without_losing_anything(open_page, workers):
    page = live(open_page("/"))
    workers.raise_event("E_NODE_UP", worker="first")
    page.wait_for_selector("text=The SIP worker first is up")
    before = page.locator(".feed-item").count()

    page.keyboard.press("p")
    for number in range(3):
        workers.raise_event("E_PUSH_SENT", aor=f"{number}@pbx.test", provider="apns", ms=4, token="t0k3n")
    page.wait_for_selector("[data-feed-pill]:has-text('3 new')")
    assert page.locator(".feed-item").count() == before

    page.keyboard.press("p")
    assert page.locator(".feed-item").count() == before + 3
    assert page.is_hidden("[data-feed-pill]")
    assert "t0k3n" not in page.content()


def test_the_feed_is_narrowed_by_kind_and_text(open_page, workers):
    page = live(open_page("/"))
    workers.raise_event("E_PUSH_SENT", aor="9101@pbx.test", provider="apns", ms=4)
    workers.raise_event("E_PUSH_SENT", aor="9102@pbx.test", provider="apns", ms=4)
    workers.raise_event("E_NODE_UP", worker="9102")
    page.wait_for_selector("text=The SIP worker 9102 is up")

    page.fill("[data-feed-text]", "910")
    assert page.locator(".feed-item").count() == 3
    page.select_option("[data-feed-kind]", "push")
    assert page.locator(".feed-item").count() == 2
    page.fill("[data-feed-text]", "9102")
    assert page.locator(".feed-item").count() == 1


def test_the_page_of_events_goes_back_as_far_as_the_log(open_page, workers):
    workers.redis.delete(keys.EVENTS_LOG)
    for number in range(260):
        workers.raise_event("E_NODE_UP", worker=f"old{number}")
    page = live(open_page("/events/?q=old"))
    page.wait_for_selector("text=old259")

    while page.is_visible("[data-older]"):
        page.click("[data-older]:enabled")
        page.wait_for_timeout(20)

    page.wait_for_selector("text=old0 is up")
    shown = page.eval_on_selector_all(".feed-item .feed-text", "items => items.map(item => item.textContent)")
    assert shown == [f"The SIP worker old{number} is up" for number in range(259, -1, -1)]


def happened(page) -> list[str]:
    return page.eval_on_selector_all(".feed-item .feed-text", "items => items.map(item => item.textContent)")


def test_any_minute_of_the_log_opens_with_the_same_filter(open_page, workers):
    workers.redis.delete(keys.EVENTS_LOG)
    workers.raise_event("E_CALL_STARTED", ago=300, caller="7101@pbx.test", dialled="1", callee="9@pbx.test")
    workers.raise_event("E_CALL_STARTED", ago=200, caller="7101@pbx.test", dialled="2", callee="9@pbx.test")
    workers.raise_event("E_CALL_STARTED", ago=200, caller="7102@pbx.test", dialled="3", callee="9@pbx.test")
    workers.raise_event("E_CALL_STARTED", ago=100, caller="7101@pbx.test", dialled="4", callee="9@pbx.test")
    page = live(open_page("/events/?name=E_CALL_STARTED"))
    page.wait_for_selector("text=7101 calls 4")

    page.fill("[data-feed-subscriber]", "7101")
    page.wait_for_selector("text=7102 calls 3", state="detached")
    item = page.locator(".feed-item", has_text="7101 calls 2")
    item.locator("summary").click()
    item.locator("text=Events up to here").click()

    page.wait_for_selector("text=This is the past")
    assert happened(page)[0] in ("7101 calls 2", "7102 calls 3")
    page.select_option("[data-feed-name]", "E_CALL_STARTED")
    page.fill("[data-feed-subscriber]", "7101")
    page.wait_for_selector("text=7102 calls 3", state="detached")
    shared = page.url
    workers.raise_event("E_CALL_STARTED", caller="7101@pbx.test", dialled="5", callee="9@pbx.test")
    colleague = live(open_page(shared))
    colleague.wait_for_selector("text=7101 calls 1")
    assert happened(colleague) == ["7101 calls 2", "7101 calls 1"]
    with colleague.expect_download() as download:
        colleague.click("text=Export")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["attributes"]["dialled"] for line in lines] == ["1", "2"]

    colleague.click("text=Back to now")
    colleague.wait_for_selector("text=7101 calls 5")
    assert happened(colleague) == ["7101 calls 5", "7101 calls 4", "7101 calls 2", "7101 calls 1"]


def test_a_page_that_was_cut_off_says_how_many_events_it_fetched(server, open_page, workers):
    page = live(open_page("/events/", expected="WebSocket"))
    workers.raise_event("E_NODE_UP", worker="before")
    page.wait_for_selector("text=The SIP worker before is up")

    page.context.set_offline(True)
    before = server.kill_child("web")
    page.wait_for_selector("[data-connection='lost']")
    for number in range(12):
        workers.raise_event("E_NODE_UP", worker=f"missed{number:02}")
    server.wait_for_new_child("web", before)
    page.context.set_offline(False)

    page.wait_for_selector("text=reconnected, 12 events fetched", timeout=30_000)
    assert happened(page)[:13] == [
        *(f"The SIP worker missed{number:02} is up" for number in range(11, -1, -1)),
        "The SIP worker before is up",
    ]


def test_keys_reach_search_pause_and_events(open_page, workers):
    page = live(open_page("/"))

    page.keyboard.press("e")
    assert page.evaluate("document.activeElement.id") == "feed-title"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.hasAttribute('data-board-filter')")
    page.keyboard.type("pe/")  # typed, not obeyed
    assert page.input_value("[data-board-filter]") == "pe/"
    assert page.get_attribute("[data-feed-pause]", "aria-pressed") == "false"


def test_new_calls_are_said_to_those_who_listen(open_page, workers):
    page = live(open_page("/"))
    workers.put(call("a"))
    workers.put(call("a", state="ringing"))

    page.wait_for_selector("[data-announce]:has-text('101 calls 102')", state="attached")


def test_a_list_is_searched_while_typing_and_the_address_can_be_shared(open_page):
    page = open_page("/subscribers/")
    create(page, "7001")
    create(page, "7002")
    page.goto("/subscribers/")

    page.type("main input[name=q]", "7001")
    page.wait_for_selector("#listing tbody tr:only-child")

    assert "q=7001" in page.url
    assert page.inner_text("#listing tbody th").startswith("7001")


def test_presence_follows_calls_without_a_reload(open_page, workers, server):
    aor = f"7101@{server.domain}"
    page = open_page("/subscribers/")
    create(page, "7101")
    page.goto("/subscribers/?q=7101")
    assert page.inner_text(".presence") == "offline"

    branch = BranchState(id="b", target=aor, contact="", device="", source="lookup", state="ringing")
    workers.put(call("a", state="ringing", callee=aor, branches=(branch,)))
    page.wait_for_selector(".presence:has-text('ringing')")
    workers.put(call("a", state="answered", callee=aor, answered_by=aor))
    page.wait_for_selector(".presence:has-text('in call')")
    workers.remove("a")
    page.wait_for_selector(".presence:has-text('offline')")
    workers.raise_event("E_UL_AOR_INSERT", domain="location", aor=aor)
    page.wait_for_selector(".presence:has-text('online')")


def test_a_password_is_made_by_the_page_and_typed_nowhere_else(open_page):
    page = open_page("/subscribers/new/")

    page.click("text=Make one")

    made = page.input_value("#id_password")
    assert len(made) == 16
    assert page.get_attribute("#id_password", "type") == "text"


def test_the_theme_is_kept_and_set_before_the_page_is_drawn(open_page):
    page = open_page("/subscribers/", color_scheme="light")
    page.click(".topbar [data-theme-toggle]")
    page.reload()

    assert page.get_attribute("html", "data-bs-theme") == "dark"
    order = page.evaluate(
        "[...document.head.querySelectorAll('script, link[rel=stylesheet]')].map(node => node.tagName)"
    )
    assert order[0] == "SCRIPT"


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_screen(open_page, workers, width, language):
    workers.put(call("a", caller_name="아주 긴 이름을 가진 발신자 한 분", state="ringing", waking=2))
    page = open_page("/", width=width, locale=language)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
