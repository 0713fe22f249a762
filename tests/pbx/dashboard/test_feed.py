"""The feed against a real server: what browsers hear, whatever happens on the way."""

import asyncio
import itertools
import json
from contextlib import asynccontextmanager

import pytest

from pbx.dashboard import feed as feed_module
from pbx.dashboard.feed import CallFeed, TooManyListeners
from pbx.dashboard.recent_events import FIRST_EVENTS
from pbx.event_log import EventQuery
from sipcore.contract.calls import CallState
from sipcore.contract.records import from_dict, from_json

from .board_writer import call


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(feed_module, "BACK_OFF", (0.01,))


@asynccontextmanager
async def running(url):
    feed = CallFeed(url)
    try:
        yield feed
    finally:
        await feed.close()


class Browser:
    """A browser's state as the protocol makes it, and the frames that made it."""

    def __init__(self, feed, *topics, resume_from=None, query=None):
        self.feed = feed
        self.listener = feed.join()
        self.calls, self.seq, self.frames = {}, None, []
        for topic in topics:
            feed.subscribe(self.listener, topic, resume_from, query)

    async def read(self):
        frame = json.loads(await asyncio.wait_for(self.listener.next(), 5))
        self.listener.confirmed()
        self.frames.append(frame)
        if frame.get("topic") == "calls":
            if frame["op"] == "snapshot":
                self.calls = {item["uid"]: item for item in frame["calls"]}
            elif frame["op"] == "event":
                assert frame["seq"] == self.seq + 1, "a hole reached the browser"
                if frame["type"] == "call.gone":
                    self.calls.pop(frame["data"]["uid"])
                else:
                    self.calls[frame["data"]["uid"]] = frame["data"]
            if "seq" in frame:
                self.seq = frame["seq"]
        return frame

    async def until(self, seq):
        while self.seq is None or self.seq < seq:
            await self.read()
        return {uid: item["state"] for uid, item in self.calls.items()}


async def write(function, *args, **fields):
    return await asyncio.to_thread(function, *args, **fields)


def test_a_browser_gets_a_snapshot_and_then_each_change(board):
    async def scenario():
        board.put(call("a", state="ringing"))
        async with running(board.url) as feed:
            browser = Browser(feed, "calls")
            assert await browser.until(1) == {"a": "ringing"}
            await write(board.put, call("b"))
            await write(board.put, call("a", state="answered"))
            await write(board.remove, "b")

            assert await browser.until(4) == {"a": "answered"}
            assert [frame["op"] for frame in browser.frames if frame["op"] != "status"] == ["snapshot"] + ["event"] * 3

    asyncio.run(scenario())


def test_any_number_of_browsers_share_one_subscription(board):
    async def scenario():
        async with running(board.url) as feed:
            browsers = [Browser(feed, "calls") for _ in range(20)]
            for browser in browsers:
                await browser.until(0)
            await write(board.put, call("a"))

            assert [await browser.until(1) for browser in browsers] == [{"a": "setup"}] * 20
            assert board.redis.pubsub_numsub("pbx:calls:feed") == [("pbx:calls:feed", 1)]

    asyncio.run(scenario())


def test_a_lost_message_is_healed_by_a_snapshot(board):
    async def scenario():
        async with running(board.url) as feed:
            browser = Browser(feed, "calls")
            await browser.until(0)
            await write(board.lose_a_change, call("lost"))
            await write(board.put, call("heard"))

            assert await browser.until(2) == {"lost": "setup", "heard": "setup"}
            assert [frame["op"] for frame in browser.frames if frame["op"] != "status"] == ["snapshot", "snapshot"]

    asyncio.run(scenario())


def test_changes_during_a_forced_drop_are_on_the_board_afterwards(board):
    async def scenario():
        async with running(board.url) as feed:
            browser = Browser(feed, "calls", "events")
            await browser.until(0)
            for number in range(10):
                await write(board.drop_subscribers)
                await write(board.put, call(f"c{number}"))
                await write(board.raise_event, "E_NODE_UP", worker=str(number))
            await browser.until(10)

            assert set(browser.calls) == {f"c{number}" for number in range(10)}

    asyncio.run(scenario())


def test_what_happened_during_a_drop_is_seen_without_waiting_for_the_next_change(board):
    async def scenario():
        async with running(board.url) as feed:
            browser = Browser(feed, "calls")
            await browser.until(0)
            await write(board.lose_a_change, call("unheard"))
            await write(board.drop_subscribers)

            assert await browser.until(1) == {"unheard": "setup"}

    asyncio.run(scenario())


def test_a_connection_that_fails_as_the_feed_is_closed_does_not_keep_it_open(board, monkeypatch):
    followed = itertools.count()

    async def fails_when_cancelled_first(feed, connection, subscription):
        is_first = next(followed) == 0
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if is_first:
                raise ConnectionError from None
            raise

    async def scenario():
        monkeypatch.setattr(CallFeed, "_follow_calls", fails_when_cancelled_first)
        async with running(board.url) as feed:
            await Browser(feed, "calls").until(0)
            async with asyncio.timeout(5):
                await feed.close()

    asyncio.run(scenario())


def test_the_snapshot_race_leaves_no_gap_and_no_repetition(board):
    """Changes are written as fast as possible while browsers join and connections are cut."""

    async def scenario():
        done = asyncio.Event()

        def work():
            for number in range(400):
                board.put(call(f"c{number % 20}", state="ringing", code=number))
                if number % 7 == 0:
                    board.remove(f"c{number % 20}")
                if number in (100, 250):
                    board.drop_subscribers()

        async with running(board.url) as feed:
            writer = asyncio.create_task(asyncio.to_thread(work))
            writer.add_done_callback(lambda _: done.set())
            browsers = []
            while not done.is_set():
                browser = Browser(feed, "calls")
                await browser.read()
                browsers.append(browser)
                for known in browsers:
                    while known.listener._frames:
                        await known.read()
                await asyncio.sleep(0.002)
            await writer
            last = int(board.redis.get("pbx:calls:rev"))
            truth = {uid: from_json(CallState, text) for uid, text in board.redis.hgetall("pbx:calls").items()}

            assert len(browsers) > 3
            for browser in browsers:
                await browser.until(last)
                assert {uid: from_dict(CallState, call) for uid, call in browser.calls.items()} == truth

    asyncio.run(scenario())


def test_a_browser_that_comes_back_resumes_without_a_snapshot(board):
    async def scenario():
        async with running(board.url) as feed:
            first = Browser(feed, "calls")
            await first.until(0)
            await write(board.put, call("a"))
            seen = await first.until(1) and first.seq
            feed.leave(first.listener)
            witness = Browser(feed, "calls")
            await write(board.put, call("b"))
            await witness.until(2)

            again = Browser(feed, "calls", resume_from=seen)
            again.seq, again.calls = first.seq, dict(first.calls)

            assert await again.until(2) == {"a": "setup", "b": "setup"}
            assert [frame["op"] for frame in again.frames] == ["resumed", "event"]

    asyncio.run(scenario())


def test_a_store_that_lost_its_data_does_not_leave_ghosts(board):
    async def scenario():
        async with running(board.url) as feed:
            for number in range(3):
                await write(board.put, call(f"ghost{number}"))
            browser = Browser(feed, "calls")
            await browser.until(3)
            await write(board.redis.flushall)
            await write(board.put, call("real"))
            while set(browser.calls) != {"real"}:
                await browser.read()

            assert browser.seq == 1

    asyncio.run(scenario())


class EventReader(Browser):
    """A browser that shows events: their cursors, in the order in which they came."""

    def __init__(self, feed, resume_from=None, query=None):
        super().__init__(feed, "events", resume_from=resume_from, query=query)
        self.cursors = []

    async def read(self):
        frame = await super().read()
        if frame.get("topic") == "events":
            news = [frame["data"]] if frame["op"] == "event" else frame["events"]
            self.cursors += [event["cursor"] for event in news]
        return frame

    async def until_cursor(self, cursor):
        while cursor not in self.cursors:
            await self.read()
        return self.cursors


def test_events_start_with_the_log_and_go_on_without_repetition(board):
    async def scenario():
        first = board.raise_event("E_NODE_UP", worker="w1")
        async with running(board.url) as feed:
            browser = EventReader(feed)
            await browser.until_cursor(first)
            second = await write(board.raise_event, "E_PUSH_SENT", aor="101@pbx.test", token="t0k3n")

            assert await browser.until_cursor(second) == [first, second]
            assert [frame["op"] for frame in browser.frames if frame["op"] != "status"] == ["snapshot", "event"]
            assert "t0k3n" not in json.dumps(browser.frames)

    asyncio.run(scenario())


@pytest.mark.parametrize("process", ["the same", "another"])
def test_a_browser_that_comes_back_gets_the_events_it_missed_and_no_other(board, process):
    async def scenario():
        cursors = [board.raise_event("E_NODE_UP", worker=str(number)) for number in range(10)]
        async with running(board.url) as feed, running(board.url) as other:
            browser = EventReader(feed)
            await browser.until_cursor(cursors[-1])
            feed.leave(browser.listener)
            missed = [await write(board.raise_event, "E_NODE_UP", worker="missed") for _ in range(12)]

            witness = EventReader(feed)
            await witness.until_cursor(missed[-1])
            again = EventReader(feed if process == "the same" else other, resume_from=cursors[-1])
            later = await write(board.raise_event, "E_NODE_UP", worker="later")

            assert await again.until_cursor(later) == [*missed, later]
            frames = [frame for frame in again.frames if frame["op"] != "status"]
            assert (frames[0]["op"], len(frames[0]["events"]) >= 12) == ("resumed", True)

    asyncio.run(scenario())


def test_who_has_been_away_for_longer_than_is_kept_here_gets_it_from_the_log(board):
    async def scenario():
        cursors = [board.raise_event("E_NODE_UP", worker=str(number)) for number in range(FIRST_EVENTS + 100)]
        async with running(board.url) as feed:
            browser = EventReader(feed, resume_from=cursors[9])

            assert await browser.until_cursor(cursors[-1]) == cursors[10:]

    asyncio.run(scenario())


@pytest.mark.parametrize("why", ["too many", "the log is shorter"])
def test_a_gap_is_said(board, monkeypatch, why):
    cursors = [board.raise_event("E_NODE_UP", worker=str(number)) for number in range(FIRST_EVENTS + 100)]
    if why == "too many":
        monkeypatch.setattr(feed_module, "KEPT_EVENTS", 50)
    else:
        board.redis.xtrim("pbx:events:log", minid=cursors[20], approximate=False)

    async def scenario():
        async with running(board.url) as feed:
            browser = EventReader(feed, resume_from=cursors[9])
            await browser.until_cursor(cursors[-1])

            (snapshot,) = (frame for frame in browser.frames if frame["op"] != "status")
            assert (snapshot["op"], snapshot["gap"]) == ("snapshot", True)

    asyncio.run(scenario())


def test_no_event_is_missing_or_shown_twice_while_connections_are_cut(board):
    async def scenario():
        def work():
            cursors = []
            for number in range(300):
                cursors.append(board.raise_event("E_NODE_UP", worker=str(number)))
                if number % 60 == 30:
                    board.drop_subscribers()
            return cursors

        async with running(board.url) as feed:
            browser = EventReader(feed)
            while "snapshot" not in [frame["op"] for frame in browser.frames]:
                await browser.read()
            writer = asyncio.create_task(asyncio.to_thread(work))
            while not writer.done():
                await asyncio.sleep(0.005)
                while browser.listener._frames:
                    await browser.read()
            cursors = await writer

            assert await browser.until_cursor(cursors[-1]) == cursors
            assert "dropped" not in [frame["op"] for frame in browser.frames]

    asyncio.run(scenario())


def test_a_message_that_cannot_be_read_harms_nobody(board):
    async def scenario():
        async with running(board.url) as feed:
            browser = Browser(feed, "calls")
            await browser.until(0)
            for rubbish in ("not json", "{}", "[1]", '{"rev": "x"}'):
                await write(board.redis.publish, "pbx:calls:feed", rubbish)
            await write(board.put, call("a"))

            assert await browser.until(1) == {"a": "setup"}

    asyncio.run(scenario())


def test_browsers_are_told_while_redis_is_away(tmp_path):
    async def scenario():
        async with running(f"unix://{tmp_path}/nobody") as feed:
            browser = Browser(feed, "calls")

            frame = await browser.read()

            assert (frame["op"], frame["live"]) == ("status", False)

    asyncio.run(scenario())


def test_a_process_serves_only_so_many_browsers(board, monkeypatch):
    monkeypatch.setattr(feed_module, "MAX_LISTENERS", 2)

    async def scenario():
        async with running(board.url) as feed:
            feed.join()
            feed.join()
            with pytest.raises(TooManyListeners):
                feed.join()

    asyncio.run(scenario())


def test_the_subscription_ends_some_time_after_the_last_browser(board, monkeypatch):
    monkeypatch.setattr(feed_module, "LINGER", 0.0)
    monkeypatch.setattr(feed_module, "SILENCE", 0.05)

    async def scenario():
        async with running(board.url) as feed:
            browser = Browser(feed, "calls")
            await browser.until(0)
            feed.leave(browser.listener)
            await asyncio.wait_for(asyncio.shield(feed._task), 5)
            assert await write(board.redis.pubsub_channels) == []

            again = Browser(feed, "calls")
            assert await again.until(0) == {}

    asyncio.run(scenario())


def test_a_silent_connection_is_tested_and_lives(board, monkeypatch):
    monkeypatch.setattr(feed_module, "SILENCE", 0.05)

    async def scenario():
        async with running(board.url) as feed:
            browser = Browser(feed, "calls")
            await browser.until(0)
            while "ping" not in [client["cmd"] for client in await write(board.redis.client_list, _type="pubsub")]:
                await asyncio.sleep(0.01)
            await write(board.put, call("a"))

            await browser.until(1)
            assert [frame["op"] for frame in browser.frames if frame["op"] != "status"] == ["snapshot", "event"]

    asyncio.run(scenario())


def test_a_browser_that_wants_some_events_hears_of_those_and_numbers_without_holes(board):
    async def scenario():
        board.raise_event("E_NODE_UP", worker="before")
        wanted = board.raise_event("E_CALL_STARTED", caller="101@pbx.test")
        async with running(board.url) as feed:
            browser = EventReader(feed, query=EventQuery(name="E_CALL_*"))
            await browser.until_cursor(wanted)
            cursors = [wanted]
            for number in range(6):
                await write(board.raise_event, "E_NODE_UP", worker=str(number))
                cursors.append(await write(board.raise_event, "E_CALL_ENDED", reason=str(number)))
                if number == 3:
                    await write(board.drop_subscribers)

            assert await browser.until_cursor(cursors[-1]) == cursors
            seqs = [frame["seq"] for frame in browser.frames if frame.get("topic") == "events"]
            assert all(after - before in (0, 1) for before, after in itertools.pairwise(seqs))

            again = EventReader(feed, cursors[2], query=EventQuery(name="E_CALL_*"))
            assert await again.until_cursor(cursors[-1]) == cursors[3:]

    asyncio.run(scenario())
