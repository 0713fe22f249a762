"""What is told while things happen: every attribute that is declared, and what led to what."""

from __future__ import annotations

from sipcore.contract.events import (
    CATALOGUE,
    E_AUTH_FAILURE,
    E_AUTH_OK,
    E_BRANCH_ADDED,
    E_BRANCH_FINAL,
    E_CALL_ANSWERED,
    E_CALL_ENDED,
    E_CALL_PICKUP,
    E_CALL_PICKUP_CLAIMED,
    E_CALL_PICKUP_DONE,
    E_CALL_PICKUP_FAILED,
    E_CALL_STARTED,
    E_DLG_STATE_CHANGED,
    E_PUSH_REQUESTED,
    E_TX_CREATED,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_REFRESH,
    E_UL_CONTACT_UPDATE,
    E_WAIT_ARMED,
    Event,
)
from sipcore.testing import World, pbx


def all_of(world: World) -> list[Event]:
    """Everything that is raised from now on, also what is on no page."""
    events: list[Event] = []

    def listen() -> None:
        for name in CATALOGUE:
            world.driver.routing.notify_on_event(name, None, heard, 80_000.0, match_all=True)

    def heard(event: Event, bound_to: None) -> None:
        events.append(event)

    world.do(listen)
    return events


def forget(world: World) -> None:
    world.do(lambda: [subscription.cancel() for subscription in world.driver.routing.live()])


def test_an_event_has_every_attribute_that_is_declared_and_no_other() -> None:
    with pbx(push_providers=("http",)) as world:
        events = all_of(world)
        world.group("sales", members=("102", "104"), interceptors=("103",))
        alice, bob, charlie = world.phone("101"), world.phone("102"), world.phone("103")
        tablet = world.phone("104", instance="urn:uuid:t1", asleep=True)
        alice.request("REGISTER", "sip:pbx.example", password="wrong")
        bob.register()
        call = alice.call("102")
        charlie.call("33")
        charlie.answer()
        call.hang_up()
        waiting = alice.call("104")
        tablet.wake()
        tablet.decline(486)
        waiting.cancel()
        alice.call("103").cancel()
        tablet.unregister()
        charlie.call("33")
        world.advance(60)

        raised = {event.name for event in events}
        for event in events:
            declared = CATALOGUE[event.name].attributes
            assert {key: type(value) for key, value in event.attributes.items()} == dict(declared), event.name
        expected = {
            name for name in CATALOGUE if name.startswith(("E_UL_", "E_CALL_", "E_BRANCH_", "E_WAIT_", "E_TX_"))
        }
        expected |= {E_AUTH_FAILURE, E_AUTH_OK, E_DLG_STATE_CHANGED, E_PUSH_REQUESTED}
        assert expected - raised <= {"E_CALL_PICKUP_LOST"}
        forget(world)


def test_each_event_says_what_led_to_it() -> None:
    with pbx() as world:
        created = all_of(world)
        alice, bob = world.phone("101"), world.phone("102", asleep=True)
        created.clear()
        call = alice.call("102")
        invite = next(event for event in reversed(created) if event.name == E_TX_CREATED)
        for name in (E_CALL_STARTED, E_PUSH_REQUESTED, E_UL_CONTACT_REFRESH, E_WAIT_ARMED):
            assert world.named(name)[-1].cause_id == invite.tx, name
        requested = world.named(E_PUSH_REQUESTED)[-1]
        assert world.pushes[-1]["cause_id"] == requested.id

        bob.wake()

        register = [event for event in created if event.name == E_TX_CREATED and event.method == "REGISTER"][-1]
        arrival = world.named(E_UL_CONTACT_INSERT)[-1]
        assert (arrival.cause_id, world.named(E_BRANCH_ADDED)[-1].cause_id) == (register.tx, arrival.id)
        bob.answer()
        call.hang_up()
        for name in (E_BRANCH_FINAL, E_CALL_ANSWERED, E_CALL_ENDED):
            assert (world.named(name)[-1].cause_id, world.named(name)[-1].call_uid) == (invite.tx, invite.call_uid), (
                name
            )
        assert len({event.id for event in created}) == len(created)
        forget(world)


def test_a_pickup_names_the_call_of_the_picker_and_then_itself() -> None:
    with pbx() as world:
        world.group("sales", members=("102",), interceptors=("103",))
        alice, bob, charlie = world.phone("101"), world.phone("102"), world.phone("103")
        picking = all_of(world)
        charlie.call("33")
        [nothing] = world.named(E_CALL_PICKUP_FAILED)
        assert (nothing.why, nothing.picker) == ("none-ringing", charlie.aor)
        world.advance(2)
        call = alice.call("102")
        charlie.call("33")
        charlie.answer()

        picker = [event for event in picking if event.name == E_TX_CREATED and event.method == "INVITE"][-1]
        [claimed], [pickup], [done] = map(world.named, (E_CALL_PICKUP_CLAIMED, E_CALL_PICKUP, E_CALL_PICKUP_DONE))
        assert (claimed.cause_id, pickup.cause_id, done.cause_id) == (picker.tx, picker.tx, pickup.id)
        assert pickup.picker_tx == picker.tx
        assert world.named(E_BRANCH_ADDED)[-1].cause_id == pickup.id
        assert bob.cancels
        call.hang_up()
        forget(world)


def test_an_update_says_what_was_before() -> None:
    with pbx() as world:
        bob = world.phone("102", instance="urn:uuid:m1")
        heard = all_of(world)
        world.moved(bob, 5070)
        bob.register()

        [update] = [event for event in heard if event.name == E_UL_CONTACT_UPDATE]
        assert update.uri == bob.contact
        assert update.old["uri"] == bob.contact.replace("5070", "5060")
        assert set(update.old) <= {"uri", "received", "flow_id", "expires", "callid", "cseq"}
        forget(world)


def test_failures_from_one_address_are_counted_for_a_minute() -> None:
    with pbx() as world:
        mallory = world.phone("102", registered=False)
        for _ in range(3):
            mallory.register(password="guess")
        world.advance(61)
        mallory.register(password="guess")

        assert [event.count_1m for event in world.named(E_AUTH_FAILURE)] == [1, 2, 3, 1]
