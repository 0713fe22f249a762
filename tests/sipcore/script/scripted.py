"""A PBX whose script a test writes, and what that script said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from sipcore.contract.events import Event
from sipcore.testing import World

__all__ = ["HEAD", "Start", "heard", "said"]

HEAD = """
from sipcore.contract.events import *
from sipcore.script import *

ARRIVALS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
E_NOTE = declare_event("E_NOTE", said=str)

@request_route("REGISTER")
async def register(request):
    await request.save()

@event_route
async def note(event, call):
    await call.raise_event(E_NOTE, said=event.name)

@event_route
async def last_word(subscription, call):
    await call.raise_event(E_NOTE, said=subscription.state)

"""

Start = Callable[..., AbstractContextManager[World]]


def said(world: World) -> list[str]:
    return [event.said for event in world.named("E_NOTE")]


def heard(world: World, *names: str) -> list[Event]:
    """What is raised of these events from now on, also of those that are on no page."""
    events: list[Event] = []
    world.do(
        world.driver.routing.notify_on_event,
        names,
        None,
        lambda event, bound_to: events.append(event),
        300.0,
        match_all=True,
    )
    return events
