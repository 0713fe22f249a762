"""The command connection: order, bounds, and what is told to whom when the server goes away."""

import asyncio
import ssl
import time

import hiredis
import pytest
import trustme

from sipcore.errors import ConfigurationError, StoreUnavailable
from sipcore.store.lua import Script
from sipcore.store.pipe import BUSY_WINDOW, Pipe

from .worlds import until

ECHO = Script("return {KEYS[1], ARGV[1], ARGV[2]}")


@pytest.fixture
def pipe(server):
    return Pipe(server.url, name="test", reply_timeout=0.4)


def written_by(pipe):
    """What the pipe writes from now on, write by write."""
    writes, write = [], pipe._link.write
    pipe._link.write = lambda data: (writes.append(data), write(data))
    return writes


class FakeServer:
    """A server that answers +OK to whatever it is asked, and remembers it."""

    def __init__(self):
        self.commands = []

    async def start(self, **options):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, **options)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        requests = hiredis.Reader(encoding="utf-8")
        while data := await reader.read(65536):
            requests.feed(data)
            while (command := requests.gets()) is not False:
                if command[0] not in ("SCRIPT", "EXISTS"):
                    self.commands.append(command)
                writer.write(b"+OK\r\n")
        writer.close()


async def test_why_a_server_cannot_be_reached_is_in_the_log_also_when_it_just_says_nothing(monkeypatch, caplog):
    monkeypatch.setattr("sipcore.store.link.CONNECT_TIMEOUT", 0.05)
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    pipe = Pipe(f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}/0", name="test")

    assert not await pipe.start(0.2)
    await pipe.close()
    silent.close()

    assert "redis test: cannot connect: TimeoutError" in caplog.text


async def test_replies_come_in_the_order_of_the_commands(pipe, server):
    await pipe.start()

    replies = await asyncio.gather(
        pipe.execute("SET", "k", "밥"), pipe.execute("INCR", "n"), pipe.execute("GET", "k"), pipe.execute("INCR", "n")
    )

    assert replies == [b"OK", 1, "밥".encode(), 2]
    await pipe.close()


async def test_commands_of_one_turn_leave_in_one_write(pipe, server):
    await pipe.start()
    await pipe.execute("PING")
    written = []
    pipe._link.write = written.append

    for number in range(10):
        pipe.post("SET", f"k{number}", number)
    assert written == []
    await asyncio.sleep(0.01)

    assert len(written) == 1
    assert written[0].count(b"SET") == 10
    await pipe._link.close()


async def test_what_nobody_waits_for_leaves_with_what_somebody_does(server):
    pipe = Pipe(server.url, gather=5.0)
    await pipe.start()
    await pipe.execute("PING")
    writes = written_by(pipe)

    for _ in range(10):
        pipe.post("INCR", "n")
        await asyncio.sleep(0)
    assert writes == []

    assert await pipe.execute("GET", "n") == b"10"
    assert len(writes) == 1
    await pipe.close()


async def test_what_is_patient_is_gathered_under_load_and_only_then(server):
    pipe = Pipe(server.url, gather=5.0)
    await pipe.start()
    await pipe.execute("PING")
    writes = written_by(pipe)

    async def patient():
        asking = pipe.call(ECHO, ["k"], "a", "b", patient=True)
        await asyncio.sleep(0.005)
        return asking

    assert (await patient()).done()
    assert len(writes) == 1
    busy = [pipe.execute("PING") for _ in range(1000)]
    await asyncio.gather(*busy)
    await asyncio.sleep(BUSY_WINDOW)
    asking = await patient()
    assert not asking.done()
    await pipe.execute("PING")
    assert await asking == [b"k", b"a", b"b"]

    await asyncio.sleep(3 * BUSY_WINDOW)
    assert (await patient()).done()
    await pipe.close()


async def test_an_error_goes_to_whoever_waits_and_is_counted_where_nobody_does(pipe, server, caplog):
    await pipe.start()
    await pipe.execute("SET", "k", "text")

    with pytest.raises(StoreUnavailable, match="Redis answered: ERR value is not an integer"):
        await pipe.execute("INCR", "k")
    assert pipe.errors == 0
    pipe.post("INCR", "k")
    pipe.send_script(None, ECHO, ["k"])
    assert await pipe.execute("GET", "k") == b"text"
    await pipe.execute("PING")

    assert pipe.errors == 1
    assert "not an integer" in caplog.text
    await pipe.close()


async def test_a_reply_that_cannot_be_handled_does_not_take_others_with_it(pipe, server, caplog):
    await pipe.start()

    pipe.send(lambda reply: 1 / 0, "PING")

    assert await pipe.execute("ECHO", "still here") == b"still here"
    assert "ZeroDivisionError" in caplog.text
    await pipe.close()


async def test_a_script_that_the_server_has_forgotten_is_sent_again(pipe, server):
    await pipe.start()
    assert await pipe.call(ECHO, ["key"], "one", 2) == [b"key", b"one", b"2"]

    with server.client() as client:
        client.script_flush()

    assert await pipe.call(ECHO, ["key"], "one", 2) == [b"key", b"one", b"2"]
    replies = []
    with server.client() as client:
        client.script_flush()
    pipe.send_script(replies.append, ECHO, ["key"], "a", "b")
    await until(lambda: replies)
    assert replies == [[b"key", b"a", b"b"]]
    assert pipe.errors == 0
    await pipe.close()


async def test_scripts_are_loaded_with_the_connection(pipe, server):
    await pipe.start()
    await pipe.execute("PING")

    with server.client() as client:
        assert client.script_exists(ECHO.sha.decode()) == [True]
    await pipe.close()


async def test_odd_bytes_go_through_as_they_came(pipe, server):
    await pipe.start()
    text = b"b\xffb".decode("utf-8", "surrogateescape")

    await pipe.execute("SET", text, text)

    assert await pipe.execute("GET", b"b\xffb") == b"b\xffb"
    await pipe.close()


async def test_whoever_waits_is_told_when_the_connection_is_lost(pipe, server):
    events = []
    pipe.on_connect.append(lambda: events.append("connected"))
    pipe.on_lost.append(lambda: events.append(("lost", pipe.connected, pipe.waiting)))
    await pipe.start()
    await pipe.execute("PING")
    server.stop()
    waiting = [pipe.execute("INCR", "n") for _ in range(3)]
    await asyncio.sleep(0.01)

    server.kill()
    answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    with pytest.raises(StoreUnavailable):
        pipe.execute("PING")
    assert pipe.post("PING") is False
    assert pipe.dropped == 1
    server.start()
    await until(lambda: pipe.connected)
    assert await pipe.execute("PING") == b"PONG"
    assert events == ["connected", ("lost", False, 0), "connected"]
    await pipe.close()


async def test_a_server_that_hangs_is_given_up_and_found_again(pipe, server, caplog):
    await pipe.start()
    await pipe.execute("PING")
    server.stop()

    with pytest.raises(StoreUnavailable):
        await pipe.execute("PING")

    assert "no reply for 0.4 s" in caplog.text
    server.go_on()
    await until(lambda: pipe.connected)
    assert await pipe.execute("PING") == b"PONG"
    await pipe.close()


async def test_our_own_loop_being_held_up_is_not_taken_for_a_dead_server(pipe, server):
    await pipe.start()
    await pipe.execute("PING")
    asking = pipe.execute("ECHO", "patience")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    time.sleep(0.3)  # a handler that blocks for longer than the first look

    assert await asking == b"patience"
    assert pipe.connected
    await pipe.close()


async def test_the_queue_is_bounded(server):
    pipe = Pipe(server.url, max_waiting=50)
    await pipe.start()
    await pipe.execute("PING")

    accepted = [pipe.post("INCR", "n") for _ in range(60)]

    assert accepted == [True] * 50 + [False] * 10
    assert pipe.dropped == 10
    with pytest.raises(StoreUnavailable, match="50 commands wait"):
        pipe.execute("PING")
    await until(lambda: pipe.waiting == 0)
    assert await pipe.execute("GET", "n") == b"50"
    await pipe.close()


async def test_a_cancelled_waiter_is_no_trouble(pipe, server):
    await pipe.start()
    waiting = asyncio.ensure_future(asyncio.wait_for(pipe.execute("PING"), 5))
    await asyncio.sleep(0)
    waiting.cancel()

    assert await pipe.execute("ECHO", "next") == b"next"
    await pipe.close()


async def test_closing_writes_what_is_queued(pipe, server):
    await pipe.start()
    for _ in range(100):
        pipe.post("INCR", "n")

    await pipe.close()

    with server.client() as client:
        assert client.get("n") == "100"
    assert pipe.connected is False


async def test_starting_without_a_server_says_so_and_goes_on_trying(server, tmp_path):
    server.kill()
    pipe = Pipe(server.url)

    assert await pipe.start(0.05) is False

    server.start()
    assert await pipe.start(5.0) is True
    await pipe.close()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", [["CLIENT", "SETNAME", "w1"]]),
        ("/3", [["SELECT", "3"], ["CLIENT", "SETNAME", "w1"]]),
        (":s%40crt@", [["AUTH", "s@crt"], ["CLIENT", "SETNAME", "w1"]]),
        ("user:s%40crt@/2", [["AUTH", "user", "s@crt"], ["SELECT", "2"], ["CLIENT", "SETNAME", "w1"]]),
    ],
)
async def test_a_url_says_how_to_sign_in(path, expected, caplog):
    fake = FakeServer()
    port = await fake.start()
    credentials, _, database = path.rpartition("/") if "/" in path else (path, "", "")
    pipe = Pipe(f"redis://{credentials}127.0.0.1:{port}/{database}", name="w1")

    assert await pipe.start() is True

    assert fake.commands == expected
    assert "s@crt" not in caplog.text
    await pipe._link.close()
    fake.server.close()


async def test_tls_is_checked_unless_asked_not_to(tmp_path, caplog):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    fake = FakeServer()
    port = await fake.start(ssl=context)
    unknown = Pipe(f"rediss://127.0.0.1:{port}/0")
    known = Pipe(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path}/ca.pem")
    careless = Pipe(f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none")

    assert await unknown.start(0.3) is False
    assert "certificate verify failed" in caplog.text
    assert await known.start() is True
    assert await careless.start() is True

    for pipe in (unknown, known, careless):
        await pipe._link.close()
    fake.server.close()


def test_a_url_that_is_none_is_refused_without_being_repeated():
    with pytest.raises(ConfigurationError) as caught:
        Pipe("http://user:s3cret@host/")

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
