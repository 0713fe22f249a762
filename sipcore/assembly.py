"""Joining core, script and ports to a driver: the same for a worker on Redis and for a test without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .calls.tracker import CallTracker
from .contract.flow import Flow
from .driver import Driver
from .ebr import EventRouting
from .ports import CallBoard, Directory, DurableSubscriptions, EventBus, Jobs, LocationService
from .proxy.core import Outbound, ProxyCore
from .proxy.edge import Edge, Limits, Policy
from .registrar import Purrs
from .script.authentication import Authentication
from .script.dialog_waking import DialogWaking
from .script.durable import Durables
from .script.environment import Environment
from .script.pickups import Pickups
from .script.route_table import RouteTable
from .script.settings import ScriptSettings
from .tokens import event_ids, token_source

__all__ = ["Ports", "assemble", "make_edge"]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the script needs from outside."""

    location: LocationService
    directory: Directory
    bus: EventBus
    board: CallBoard
    jobs: Jobs
    durables: DurableSubscriptions | None = None


def make_edge(
    worker: str,
    advertised: Mapping[str, tuple[str, int]],
    domains: tuple[str, ...],
    secret: bytes,
    listening: frozenset[tuple[str, int]] = frozenset(),
    *,
    is_shared: bool = False,
) -> Edge:
    """This worker's place in the network."""
    return Edge(
        worker=worker,
        advertised=advertised,
        domains=frozenset((*domains, "localhost")),
        secret=secret,
        listening=listening,
        is_shared=is_shared,
    )


def assemble(
    *,
    worker: str,
    edge: Edge,
    settings: ScriptSettings,
    ports: Ports,
    routes: RouteTable,
    send: Callable[[Outbound], None],
    secret: bytes,
    epoch: Callable[[], float],
    aliases: frozenset[str],
    is_connected: Callable[[Flow], bool],
    socket_of: Callable[[Flow], str],
    global_decline: bool = False,
    push_providers: tuple[str, ...] = (),
    vapid: str = "",
) -> Driver:
    """Join core, script and ports to a driver. Needs a running loop, whose clock becomes the core's."""
    loop = asyncio.get_running_loop()
    new_token = token_source()
    policy = Policy(global_decline=global_decline, call_deadline=settings.call_seconds)
    core = ProxyCore(edge, new_token, limits=Limits(), policy=policy)
    environment = Environment(
        worker=worker,
        core=core,
        location=ports.location,
        directory=ports.directory,
        bus=ports.bus,
        board=ports.board,
        jobs=ports.jobs,
        tracker=CallTracker(worker, wants=lambda name: environment.routing.wants(name)),
        settings=settings,
        monotonic=loop.time,
        epoch=epoch,
        new_token=new_token,
        new_id=event_ids(worker, epoch),
        run=lambda coroutine, name: driver.runner.run(coroutine, name),
        failed=lambda error, handle: driver.faults.raised(error, handle),
        touched=lambda: driver.touched(),
        aliases=aliases,
        socket_of=socket_of,
        is_connected=is_connected,
        push_providers=push_providers,
        edge=edge.name,
        vapid=vapid,
    )
    driver = Driver(environment, routes, send)
    environment.routing = EventRouting(  # only now, for it needs the driver's runner
        ports.bus,
        worker,
        environment.new_id,
        monotonic=loop.time,
        epoch=epoch,
        run=driver.runner.run,
        timers=loop.call_at,
    )
    environment.authentication = Authentication(environment, secret)
    environment.purrs = Purrs(secret)
    environment.dialog_waking = DialogWaking(environment, environment.purrs)
    environment.pickups = Pickups(environment)
    environment.durables = Durables(environment, ports.durables, lambda: driver.routes)
    environment.durables.declare(routes)
    return driver
