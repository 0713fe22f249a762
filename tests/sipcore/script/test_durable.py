"""Subscriptions that belong to no call: durable ones, and those that a script declares."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_LIMIT_HIT, E_SCRIPT_ERROR, E_SUB_EXPIRED, E_SUB_FAILED
from sipcore.contract.flow import Flow
from sipcore.driver import Driver
from sipcore.script.loader import load_script
from sipcore.testing import World

from .scripted import Start, heard, said

ASK = """
@request_route("MESSAGE")
async def message(request):
    await request.notify_on_event(
        E_UL_CONTACT_INSERT, {"aor": "103@pbx.example"}, came, 3600, bind="none", on_expire=nobody, %s)
    request.reply(202)

@event_route
async def came(event, server, *context):
    callee = await server.subscriber(event.aor)
    phones = await server.lookup(event.aor)
    await server.raise_event(E_NOTE, said=f"{callee.username} {len(phones)} {context[0]['for'] if context else ''}")

@event_route
async def nobody(subscription, server):
    await server.raise_event(E_NOTE, said=f"nobody: {subscription.fires}")
"""


def another(world: World, name: str = "w2") -> Driver:
    """One more worker on the same store, which nothing reaches; or the first one, started again."""

    async def started() -> Driver:
        send = world._from_server if name == "w1" else lambda outbound: None
        return world.assemble(name, Flow("udp", "192.0.2.1", 5060), send)

    return world.run(started())


def stopped(world: World, driver: Driver) -> None:
    """That worker is gone, without a word."""
    world.store.buses.pop(driver._environment.worker, None)
    world.store.durables_held.remove(driver._environment.durables._store)
    for subscription in driver.routing.live():
        driver.routing._live.pop(subscription.id)


@pytest.mark.acceptance("H17")
def test_it_survives_a_restart_and_keeps_its_deadline(script: Start) -> None:
    with script(ASK % "context={'for': 'alice'}") as world:
        bob, carol = world.phone("102"), world.phone("103", registered=False)
        assert bob.request("MESSAGE", "sip:x@pbx.example").status == 202
        stopped(world, world.driver)
        world.advance(600)
        world.driver = another(world, "w1")

        world.advance(600)
        carol.register()
        assert said(world) == ["103 1 alice"]
        carol.unregister()
        world.advance(2300)
        carol.register()
        assert said(world) == ["103 1 alice"] * 2
        carol.unregister()
        world.advance(200)  # an hour since it was made
        carol.register()

        assert said(world) == ["103 1 alice", "103 1 alice", "nobody: 2"]
        assert world.store.durables == {}
        assert world.driver.routing.count == 0


@pytest.mark.acceptance("H17")
def test_exactly_one_worker_runs_the_route(script: Start) -> None:
    with script(ASK % "") as world:
        bob, carol = world.phone("102"), world.phone("103", registered=False)
        other = another(world)
        expired = heard(world, E_SUB_EXPIRED)
        bob.request("MESSAGE", "sip:x@pbx.example")
        assert [len(list(driver.routing.live())) for driver in (world.driver, other)] == [2, 1]

        carol.register()
        assert said(world) == ["103 1 "]
        attributes = {"aor": "103@pbx.example", "uri": "sip:x"}
        world.do(other.routing.raise_event, "E_UL_CONTACT_INSERT", attributes)
        assert said(world) == ["103 1 "] * 2

        world.advance(3600)
        assert [note.split(":")[0] for note in said(world)[2:]] == ["nobody"]
        assert len(expired) <= 1
        assert other.routing.count == 0


def test_it_fires_so_often_and_once_for_each_value_on_all_workers_together(script: Start) -> None:
    with script(ASK % "max_fires=2, dedup='uri'") as world:
        bob = world.phone("102")
        other = another(world)
        bob.request("MESSAGE", "sip:x@pbx.example")

        for driver, uri in [(world.driver, "a"), (other, "a"), (other, "b"), (world.driver, "c"), (other, "d")]:
            attributes = {"aor": "103@pbx.example", "uri": uri}
            world.do(driver.routing.raise_event, "E_UL_CONTACT_INSERT", attributes)

        assert len(said(world)) == 2
        assert world.store.durables == {}
        assert [len(list(driver.routing.live())) for driver in (world.driver, other)] == [0, 0]


def test_whoever_cancels_it_ends_it_everywhere(script: Start) -> None:
    with script(ASK % "") as world:
        bob, carol = world.phone("102"), world.phone("103", registered=False)
        other = another(world)
        bob.request("MESSAGE", "sip:x@pbx.example")
        [subscription] = other.routing.live()

        world.do(subscription.cancel, "admin")

        carol.register()
        assert said(world) == []
        assert (world.store.durables, world.driver.routing.count, other.routing.count) == ({}, 0, 0)


def test_a_route_that_fails_ends_it_everywhere_and_is_told_once(script: Start) -> None:
    with script((ASK % "").replace("callee = await", "1 / 0\n    callee = await"), may_fail=True) as world:
        bob, carol = world.phone("102"), world.phone("103", registered=False)
        other = another(world)
        bob.request("MESSAGE", "sip:x@pbx.example")
        carol.register()
        carol.unregister()
        carol.register()

        assert len(world.named(E_SUB_FAILED)) == 1
        assert (world.store.durables, world.driver.routing.count, other.routing.count) == ({}, 0, 0)


def test_a_script_that_is_loaded_again_takes_over_by_the_name_of_the_route(script: Start, tmp_path) -> None:
    with script(ASK % "", may_fail=True) as world:
        bob, carol = world.phone("102"), world.phone("103", registered=False)
        bob.request("MESSAGE", "sip:x@pbx.example")
        path = tmp_path / "routes.py"
        first = path.read_text()
        path.write_text(first.replace("async def came", "async def went").replace("came, 3600", "went, 3600"))
        world.do(world.driver.use, load_script(path))
        carol.register()
        assert said(world) == []
        assert "no @event_route came" in world.named(E_SCRIPT_ERROR)[0].error

        path.write_text(first.replace('said=f"{callee', 'said=f"again {callee'))
        world.do(world.driver.use, load_script(path))
        carol.unregister()
        carol.register()

        assert said(world) == ["again 103 1 "]


def test_without_the_store_it_cannot_be_kept(script: Start) -> None:
    with script(ASK % "") as world:
        bob = world.phone("102", registered=False)
        world.store.available = False
        assert bob.request("MESSAGE", "sip:x@pbx.example").status == 503
        world.store.available = True
        assert world.driver.routing.count == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("dedup=lambda event: event.key", "the name of an attribute"),
        ("context={'who': request}", "kept as JSON"),
        ("context='x' * 5000", "at most 4096 bytes"),
        ("max_fires=0", "max_fires is at least 1"),
    ],
)
def test_what_cannot_be_kept_is_refused(script: Start, options: str, message: str) -> None:
    with script(ASK % options, may_fail=True) as world:
        bob = world.phone("102")
        assert bob.request("MESSAGE", "sip:x@pbx.example").status == 500
        assert message in world.errors[0]
        assert world.store.durables == {}


def test_a_limit_is_told(script: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipcore.store.memory.MAX_DURABLE", 1)
    with script(ASK % "", may_fail=True) as world:
        bob = world.phone("102")
        assert bob.request("MESSAGE", "sip:x@pbx.example").status == 202
        assert bob.request("MESSAGE", "sip:x@pbx.example").status == 500
        assert [event.limit for event in world.named(E_LIMIT_HIT)] == ["durable subscriptions"]


STANDING = """
@on_event(E_CALL_MISSED, {"callee": glob("10?@pbx.example")})
async def missed(event, server):
    await server.raise_event(E_NOTE, said=f"{event.callee} missed {event.caller}")
    if event.callee == "103@pbx.example":
        raise RuntimeError("a bad day")

@request_route("INVITE")
async def invite(request):
    callee = await request.subscriber(request.request_aor)
    request.call(callee)
    request.fork(await request.lookup(callee.aor))
"""


def test_what_a_script_declares_is_in_force_as_long_as_the_script(script: Start, tmp_path) -> None:
    with script(STANDING, may_fail=True) as world:
        other = another(world)
        alice = world.phone("101")
        alice.call("102")
        assert said(world) == ["102@pbx.example missed sip:101@pbx.example"]
        alice.call("103")
        alice.call("102")
        assert len(said(world)) == 3, "one bad event does not end it"
        assert len(world.named(E_SUB_FAILED)) == 1
        world.advance(90_000)
        alice.call("102")
        assert len(said(world)) == 4

        path = tmp_path / "routes.py"
        path.write_text(path.read_text().replace('glob("10?@pbx.example")', '"105@pbx.example"'))
        world.do(world.driver.use, load_script(path))
        alice.call("102")
        alice.call("105")

        assert said(world)[4:] == ["105@pbx.example missed sip:101@pbx.example"]
        assert other.routing.count == 1


@pytest.mark.acceptance("H12")
@pytest.mark.parametrize(
    ("filter", "message"),
    [
        ('{"calee": "x"}', "no attribute 'calee'; did you mean callee"),
        ("", "match_all=True asks for that"),
        ('{"callee": ""}', "an empty value matches nothing"),
    ],
)
def test_what_a_script_declares_is_checked_when_it_is_loaded(script: Start, filter: str, message: str) -> None:
    text = STANDING.replace('{"callee": glob("10?@pbx.example")}', filter)
    with pytest.raises(Exception, match=f"routes.py, line 21: .*{message}"), script(text):
        pass


def test_a_route_without_a_request_has_the_words_that_need_none(script: Start) -> None:
    text = """
@on_event(E_NOTE, {"said": "begin"})
async def begin(event, server):
    result = await server.wait_for_event(E_NOTE, {"said": "go on"}, 5)
    subscription = await server.notify_on_event(E_NOTE, {"said": "more"}, more, 60)
    await server.raise_event(E_NOTE, said=f"{result.outcome} {server.settings.hold} {await server.group('x')}")

@event_route
async def more(event, server):
    await server.raise_event(E_NOTE, said="done")

@request_route()
async def other(request):
    pass
"""
    with script(text) as world:
        world.raise_event("E_NOTE", said="begin")
        world.raise_event("E_NOTE", said="go on")
        world.raise_event("E_NOTE", said="more")
        assert said(world) == ["begin", "go on", "match auto None", "more", "done"]
