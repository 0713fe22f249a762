"""The listening connection: what is said to this worker, and when it may have missed something."""

import asyncio
import json

import pytest

from sipcore.contract.keys import worker_channel
from sipcore.store.inbox import Inbox

from .worlds import until


@pytest.fixture
def reader(server):
    with server.client() as client:
        yield client


async def test_messages_reach_the_handler_of_their_op(server, reader):
    inbox, heard = Inbox(server.url, "w1"), []
    inbox.on("hangup", heard.append)
    await inbox.start()
    await until(lambda: inbox.connected)

    reader.publish(worker_channel("w1"), json.dumps({"op": "hangup", "call": "밥"}))
    reader.publish(worker_channel("w2"), json.dumps({"op": "hangup", "call": "c2"}))

    await until(lambda: heard)
    assert heard == [{"op": "hangup", "call": "밥"}]
    await inbox.close()


@pytest.mark.parametrize(
    "message", ["no json", "[]", "{}", '{"op": 5}', '{"op": "unknown"}', '{"op": "broken"}', b"\xff"]
)
async def test_a_message_that_cannot_be_handled_is_passed_over(server, reader, caplog, message):
    inbox, heard = Inbox(server.url, "w1"), []
    inbox.on("hangup", heard.append)
    inbox.on("broken", lambda message: 1 / 0)
    await inbox.start()
    await until(lambda: inbox.connected)

    reader.publish(worker_channel("w1"), message)
    reader.publish(worker_channel("w1"), '{"op": "hangup"}')

    await until(lambda: heard)
    assert len([record for record in caplog.records if record.name == "sipcore.store"]) >= 1
    await inbox.close()


async def test_whoever_keeps_a_copy_is_told_when_listening_begins_again(server, reader):
    inbox, log = Inbox(server.url, "w1"), []
    inbox.on_lost.append(lambda: log.append(("lost", inbox.connected)))
    inbox.on_listening.append(lambda: log.append(("listening", inbox.connected)))
    inbox.listen("changes", log.append, lambda: log.append("started"))
    await inbox.start()
    await until(lambda: "started" in log)
    reader.publish("changes", "one")
    await until(lambda: b"one" in log)

    server.kill()
    await until(lambda: not inbox.connected)
    server.start()
    await until(lambda: log.count("started") == 2)
    with server.client() as again:
        again.publish("changes", "two")
    await until(lambda: b"two" in log)

    assert log == [
        ("listening", True),
        "started",
        b"one",
        ("lost", False),
        ("listening", True),
        "started",
        b"two",
    ]
    await inbox.close()


async def test_channels_come_and_go_while_connected(server, reader):
    inbox, log = Inbox(server.url, "w1"), []
    await inbox.start()
    await until(lambda: inbox.connected)

    inbox.listen("changes", log.append, lambda: log.append("started"))
    await until(lambda: log)
    reader.publish("changes", "one")
    await until(lambda: len(log) == 2)
    inbox.ignore("changes")
    inbox.ignore("never listened to")
    await until(lambda: reader.pubsub_numsub("changes")[0][1] == 0)
    reader.publish("changes", "two")

    assert log == ["started", b"one"]
    await inbox.close()


async def test_a_connection_that_hears_nothing_is_given_up(server, caplog):
    inbox = Inbox(server.url, "w1", ping_every=0.1)
    await inbox.start()
    await until(lambda: inbox.connected)
    await asyncio.sleep(0.35)
    assert inbox.connected  # the answers to its pings keep it

    server.stop()

    await until(lambda: not inbox.connected)
    assert "the inbox hears nothing" in caplog.text
    server.go_on()
    await until(lambda: inbox.connected)
    await inbox.close()
