"""The WebSocket, from the handshake to its close codes."""

import asyncio
import json
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from channels.testing import WebsocketCommunicator

from pbx.api.models import ApiToken
from pbx.api.tickets import make_ticket
from pbx.api.tokens import create_token
from pbx.dashboard import consumers
from pbx.dashboard.consumers import EventsConsumer
from pbx.dashboard.feed import CallFeed
from pbx.dashboard.listener import WINDOW

from .board_writer import call

STAFF = SimpleNamespace(is_authenticated=True, is_active=True, is_staff=True)
STRANGER = SimpleNamespace(is_authenticated=False, is_active=False, is_staff=False)
NO_STAFF = SimpleNamespace(is_authenticated=True, is_active=True, is_staff=False)


@asynccontextmanager
async def browser(url, user=STAFF, query="", **options):
    feed = CallFeed(url)
    communicator = WebsocketCommunicator(EventsConsumer.as_asgi(feed=feed, **options), f"/ws/v1/events{query}")
    communicator.scope |= {"user": user, "session": None}
    connected, _ = await communicator.connect()
    assert connected
    try:
        yield communicator
    finally:
        await communicator.disconnect()
        await feed.close()


async def frame(communicator, *ops):
    """The next frame with one of these ops."""
    while True:
        received = json.loads(await communicator.receive_from(timeout=5))
        if received["op"] in ops:
            return received


async def closed(communicator):
    while True:
        output = await communicator.receive_output(timeout=5)
        if output["type"] == "websocket.close":
            return output["code"]


def test_a_signed_in_browser_gets_snapshot_and_changes(board):
    async def scenario():
        board.put(call("a"))
        async with browser(board.url) as page:
            await page.send_json_to({"op": "subscribe", "topics": ["calls", "events"]})
            snapshot = await frame(page, "snapshot")
            await asyncio.to_thread(board.put, call("b", state="ringing"))
            change = await frame(page, "event")

            assert (snapshot["topic"], snapshot["seq"], [c["uid"] for c in snapshot["calls"]]) == ("calls", 1, ["a"])
            assert (change["seq"], change["type"], change["data"]["state"]) == (2, "call.changed", "ringing")
            assert change["now"] >= snapshot["now"]

    asyncio.run(scenario())


@pytest.mark.parametrize(("_case", "user", "code"), [("nobody", STRANGER, 4001), ("no staff", NO_STAFF, 4003)])
def test_whoever_may_not_watch_is_told_why_and_hears_nothing(board, _case, user, code):
    async def scenario():
        board.put(call("a"))
        async with browser(board.url, user) as page:
            output = await page.receive_output(timeout=5)

            assert (output["type"], output["code"]) == ("websocket.close", code)

    asyncio.run(scenario())


def test_a_browser_that_answers_no_ping_is_closed(board):
    async def scenario():
        async with browser(board.url, ping=0.01, pong=0.01) as page:
            assert await closed(page) == 4008

    asyncio.run(scenario())


def test_a_browser_is_pinged_early_when_much_is_on_its_way(board):
    async def scenario():
        async with browser(board.url, ping=3600) as page:
            await page.send_json_to({"op": "subscribe", "topics": ["calls"]})
            await frame(page, "snapshot")
            for number in range(WINDOW + 10):
                await asyncio.to_thread(board.put, call("a", code=number))

            await frame(page, "ping")

    asyncio.run(scenario())


def test_a_session_that_ends_closes_its_socket(board, monkeypatch):
    async def signed_out(scope):
        return STRANGER

    monkeypatch.setattr(consumers, "_user_now", signed_out)

    async def scenario():
        async with browser(board.url, ping=0.01) as page:
            await frame(page, "ping")
            await page.send_json_to({"op": "pong"})

            assert await closed(page) == 4001

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("_case", "text"),
    [
        ("no JSON", "hello"),
        ("no object", "[1]"),
        ("no op", "{}"),
        ("unknown op", '{"op": "shutdown"}'),
        ("unknown topic", '{"op": "subscribe", "topics": ["secrets"]}'),
        ("topics of another kind", '{"op": "subscribe", "topics": {"calls": 1}}'),
        ("too long", json.dumps({"op": "subscribe", "topics": ["calls"] * 2000})),
    ],
)
def test_what_cannot_be_understood_is_answered_and_changes_nothing(board, _case, text):
    async def scenario():
        async with browser(board.url) as page:
            await page.send_to(text_data=text)
            assert (await frame(page, "error", "snapshot"))["code"] == "bad_request"
            await page.send_json_to({"op": "subscribe", "topics": ["calls"]})
            assert (await frame(page, "error", "snapshot"))["op"] == "snapshot"

    asyncio.run(scenario())


def test_resume_and_resync_are_asked_for_by_topic(board):
    async def scenario():
        board.put(call("a"))
        async with browser(board.url) as page:
            await page.send_json_to({"op": "subscribe", "topics": ["calls"]})
            await frame(page, "snapshot")
            await page.send_json_to({"op": "subscribe", "topics": ["calls"], "resume_from": {"calls": 1}})
            assert await frame(page, "resumed", "snapshot") | {"now": 0} == {
                "op": "resumed",
                "topic": "calls",
                "seq": 1,
                "now": 0,
            }
            await page.send_json_to({"op": "resync", "topic": "calls"})
            assert (await frame(page, "resumed", "snapshot"))["op"] == "snapshot"

    asyncio.run(scenario())


def test_after_unsubscribing_nothing_more_is_heard(board):
    async def scenario():
        async with browser(board.url) as page:
            await page.send_json_to({"op": "subscribe", "topics": ["calls"]})
            await frame(page, "snapshot")
            await page.send_json_to({"op": "unsubscribe", "topics": ["calls"]})
            await page.send_json_to({"op": "subscribe", "topics": ["events"]})
            await frame(page, "snapshot")
            await asyncio.to_thread(board.put, call("b"))
            await asyncio.to_thread(board.raise_event, "E_NODE_UP", worker="w1")

            assert (await frame(page, "event"))["topic"] == "events"

    asyncio.run(scenario())


def test_a_server_that_stops_says_so(board):
    async def scenario():
        sent = []
        consumer = EventsConsumer.as_asgi(feed=CallFeed(board.url))
        scope = {"type": "websocket", "path": "/ws/v1/events", "user": STAFF, "session": None}
        inbox = asyncio.Queue()
        inbox.put_nowait({"type": "websocket.connect"})

        async def send(message):
            sent.append(message)

        application = asyncio.create_task(consumer(scope, inbox.get, send))
        while not sent:
            await asyncio.sleep(0)
        application.cancel()
        await asyncio.gather(application, return_exceptions=True)

        assert sent[-1] == {"type": "websocket.close", "code": 4012}

    asyncio.run(scenario())


@pytest.mark.django_db(transaction=True)
def test_who_watches_is_looked_up_anew(client, django_user_model):
    account = django_user_model.objects.create_superuser("admin", password="x")
    client.force_login(account)
    scope = {"session": client.session}

    assert consumers.refusal(asyncio.run(consumers._user_now(scope))) == 0
    django_user_model.objects.update(is_active=False)
    assert consumers.refusal(asyncio.run(consumers._user_now(scope))) != 0
    django_user_model.objects.update(is_active=True, is_staff=False)
    assert consumers.refusal(asyncio.run(consumers._user_now(scope))) == 4003
    client.logout()
    assert consumers.refusal(asyncio.run(consumers._user_now(scope))) == 4001


@pytest.mark.parametrize(
    "given", [["E_CALL_ENDED"], {"nonsense": "x"}, {"kind": "nonsense"}, {"name": 5}, {"since": "1"}, {"q": "x" * 300}]
)
def test_a_filter_that_cannot_be_is_answered(board, given):
    async def scenario():
        async with browser(board.url) as page:
            await page.send_json_to({"op": "subscribe", "topics": ["events"], "filter": given})
            assert (await frame(page, "error", "snapshot"))["code"] == "bad_request"

    asyncio.run(scenario())


def test_a_filter_narrows_the_snapshot_and_what_follows(board):
    async def scenario():
        board.raise_event("E_NODE_UP", worker="w1")
        board.raise_event("E_CALL_ENDED", call_uid="c1", reason="busy")
        async with browser(board.url) as page:
            await page.send_json_to({"op": "subscribe", "topics": ["events"], "filter": {"call": "c1"}})
            snapshot = await frame(page, "snapshot")
            await asyncio.to_thread(board.raise_event, "E_CALL_ENDED", call_uid="c2")
            cursor = await asyncio.to_thread(board.raise_event, "E_CALL_ENDED", call_uid="c1")
            change = await frame(page, "event")

            assert [event["call_uid"] for event in snapshot["events"]] == ["c1"]
            assert (change["cursor"], change["seq"]) == (cursor, snapshot["seq"] + 1)

    asyncio.run(scenario())


@pytest.fixture
def token(transactional_db, django_user_model):
    account = django_user_model.objects.create_user("robot", password="x", is_staff=True)
    create_token(account, scopes=["events:read"])
    return ApiToken.objects.get()


def test_a_program_opens_the_socket_once_with_a_ticket_and_hears_of_events(board, token):
    ticket = make_ticket(token.account_id, token.pk)

    async def scenario():
        async with browser(board.url, STRANGER, f"?ticket={ticket}") as program:
            await program.send_json_to({"op": "subscribe", "topics": ["calls"]})
            assert (await frame(program, "error", "snapshot"))["detail"] == "topics are events"
            await program.send_json_to({"op": "subscribe", "topics": ["events"]})
            assert (await frame(program, "error", "snapshot"))["op"] == "snapshot"
        async with browser(board.url, STRANGER, f"?ticket={ticket}") as again:
            assert await closed(again) == 4001

    asyncio.run(scenario())


@pytest.mark.parametrize("ticket", ["", "wrong", "%00"])
def test_what_is_no_ticket_opens_nothing(board, ticket, transactional_db):
    async def scenario():
        async with browser(board.url, STRANGER, f"?ticket={ticket}") as program:
            assert await closed(program) == 4001

    asyncio.run(scenario())


def test_a_revoked_token_closes_the_socket(board, token):
    ticket = make_ticket(token.account_id, token.pk)

    async def scenario():
        async with browser(board.url, STRANGER, f"?ticket={ticket}", ping=0.05) as program:
            await frame(program, "ping")
            await asyncio.to_thread(token.delete)
            await program.send_json_to({"op": "pong"})

            assert await closed(program) == 4001

    asyncio.run(scenario())
