import asyncio
import json

from pbx.dashboard.listener import LIMIT, WINDOW, Listener


def listener(*topics):
    made = Listener(lambda topic: json.dumps({"op": "snapshot", "topic": topic}))
    made.topics.update(topics)
    return made


async def waiting(made):
    """Everything that can be sent without further ado."""
    frames = []
    while True:
        try:
            async with asyncio.timeout(0.01):
                frames.append(await made.next())
        except TimeoutError:
            return frames


def test_only_topics_asked_for_are_sent_in_order():
    async def scenario():
        made = listener("calls")
        made.put("calls", "1")
        made.put("events", "x")
        made.put("calls", "2")
        return await waiting(made)

    assert asyncio.run(scenario()) == ["1", "2"]


def test_a_snapshot_replaces_what_waits_for_its_topic():
    async def scenario():
        made = listener("calls", "events")
        made.put("calls", "old")
        made.put("events", "e")
        made.put_snapshot("calls", "snapshot")
        return await waiting(made)

    assert asyncio.run(scenario()) == ["e", "snapshot"]


def test_no_more_than_the_window_is_sent_unconfirmed():
    async def scenario():
        made = listener("calls")
        for number in range(WINDOW):
            made.put("calls", str(number))
        sent = len(await waiting(made))
        made.put("calls", "one more")
        held = await waiting(made)
        await made.window_used(within=5)  # at once, not after five seconds
        made.confirmed()
        return sent, held, await waiting(made)

    assert asyncio.run(asyncio.wait_for(scenario(), 2)) == (WINDOW, [], ["one more"])


def test_a_browser_that_does_not_read_is_told_what_it_lost_and_gets_snapshots():
    async def scenario():
        made = listener("calls", "events")
        for number in range(LIMIT - 10):
            made.put("calls", str(number))
        for number in range(20):
            made.put("events", f"e{number}")
        return [json.loads(text) for text in await waiting(made)]

    frames = asyncio.run(scenario())
    notices = {frame["topic"]: frame["count"] for frame in frames if frame["op"] == "dropped"}

    assert notices["calls"] == LIMIT - 10
    assert notices["events"] == 20
    order = [(frame["op"], frame["topic"]) for frame in frames]
    for topic in ("calls", "events"):
        assert order.index(("snapshot", topic)) > order.index(("dropped", topic))


def test_what_waits_stays_bounded_however_much_comes():
    made = listener("calls")
    for number in range(10 * LIMIT):
        made.put("calls", str(number))

    assert len(made._frames) <= LIMIT


def test_too_many_changes_are_told_at_once_where_that_is_possible():
    said = []
    listener = Listener(lambda topic: "everything", lambda topic, position: said.append(position) or ("the rest", "p9"))
    listener.topics = {"events"}

    async def scenario():
        listener.put("events", "first", "p1")
        assert await listener.next() == "first"
        for number in range(LIMIT + 5):
            listener.put("events", f"e{number}", f"p{number + 2}")

        assert await listener.next() == "the rest"
        listener.put("events", "later", "p10")
        assert await listener.next() == "later"

    asyncio.run(scenario())
    assert said == ["p1"]
