"""The words of event-based routing, the same for a request, a notification route and a route that belongs to no request.

What a subscription is bound to is what ends it before its time:

    transaction    the final answer, or the caller's CANCEL
    dialog         the end of the call: its BYE, or that it was never answered
    registration   the binding of the phone that sent this request is removed, or the one that is given
    none           nothing: it is kept for all workers, survives their restarts, and ends by its time; see `durable.py`
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..contract.events import E_UL_CONTACT_DELETE, Event
from ..contract.location import Binding
from ..ebr import WaitResult
from ..ebr.routing import DURABLE
from ..errors import InvalidWord, TooLate, TransactionCancelled

if TYPE_CHECKING:
    from ..ebr import EventStream, Subscription
    from .environment import Environment

__all__ = ["EventWords"]

Events = str | Sequence[str]
Filter = Any
"A mapping, text as in the OpenSIPS manual, several of those, any_of(), or None with match_all."
Route = Callable[..., Any]


class EventWords:
    """`notify_on_event`, `wait_for_event`, `events` and `raise_event`."""

    __slots__ = ()

    _environment: Environment

    @property
    def _call_uid(self) -> str:
        """The call that events raised here are about."""
        return ""

    @property
    def _cause(self) -> str:
        """The request that they are about."""
        return ""

    def _bound_to(self, bind: str) -> object:
        """What a subscription bound like that is bound to. Raises InvalidWord, and TooLate when it has ended."""
        raise InvalidWord(f"bind={bind!r} has no meaning here")

    @property
    def _usual_bind(self) -> str:
        return "transaction"

    async def notify_on_event(
        self,
        events: Events,
        filter: Filter,
        route: Route,
        timeout: float,
        *,
        bind: str | Binding = "",
        once: bool = False,
        max_fires: int | None = None,
        dedup: str | Callable[[Event], Hashable] | None = None,
        on_expire: Route | None = None,
        context: Mapping[str, Any] | None = None,
        match_all: bool = False,
        from_cursor: str | None = None,
    ) -> Subscription:
        """Run `route(event, call)` for every matching event of the next `timeout` seconds, at most a day.

        `once` or `max_fires` end it after so many; `dedup` names an attribute, or is a function of the event, and what has
        the same value fires once; `on_expire(subscription, call)` runs when the time is over. `context` is given to the
        route as a third argument. `from_cursor`, an event's `cursor` or `$`, begins there in the event log: what has happened
        since, then what happens, none missing and none twice. Routes of one request run one after the other. Raises BadFilter, UnknownEvent and
        InvalidWord for what makes no sense, and then nothing is subscribed.
        """
        env = self._environment
        options: dict[str, Any] = {
            "once": once,
            "max_fires": max_fires,
            "dedup": dedup,
            "on_expire": on_expire,
            "context": context,
            "match_all": match_all,
        }
        bind = bind or self._usual_bind
        if bind == DURABLE:
            if from_cursor is not None:
                raise InvalidWord(
                    "from_cursor is for subscriptions that end with something; a durable one has no cursor"
                )
            return await env.durables.subscribe(events, filter, route, timeout, call_uid=self._call_uid, **options)
        options["from_cursor"] = from_cursor
        if isinstance(bind, Binding) or bind == "registration":
            return await self._while_registered(bind, events, filter, route, timeout, options)
        subscription = env.routing.notify_on_event(
            events,
            filter,
            route,
            timeout,
            bound_to=self._bound_to(bind),
            bind=bind,
            call_uid=self._call_uid,
            **options,
        )
        if env.bus.has_peers:
            await env.bus.subscribed()
        return subscription

    async def wait_for_event(
        self, events: Events, filter: Filter, timeout: float, *, match_all: bool = False
    ) -> WaitResult:
        """Wait for one matching event; the result tells match, timeout, cancelled and gone apart, and is true for a match.

        `cancelled`: the caller gave up meanwhile; `gone`: the request has been answered otherwise.
        """
        try:
            bound_to = self._bound_to(self._usual_bind)
        except TooLate as error:
            return WaitResult("cancelled" if isinstance(error, TransactionCancelled) else "gone")
        return await self._environment.routing.wait_for_event(
            events, filter, timeout, bound_to=bound_to, call_uid=self._call_uid, match_all=match_all
        )

    def events(
        self, events: Events, filter: Filter = None, *, timeout: float, match_all: bool = False, **attributes: Any
    ) -> EventStream:
        """All matching events as they come: `async with request.events(…, aor=callee.aor, timeout=20) as arrivals`, and
        `async for event in arrivals`, which ends with the time or with the request.

        The attributes are a filter like `{"aor": …}`, instead of one.
        """
        return self._environment.routing.stream(
            events,
            attributes or filter,
            timeout,
            bound_to=self._bound_to(self._usual_bind),
            call_uid=self._call_uid,
            match_all=match_all,
        )

    async def raise_event(self, name: str, /, **attributes: Any) -> Event:
        """Raise an event: subscriptions of this worker first, then those of others, then the feed."""
        return self._environment.routing.raise_event(name, attributes, call_uid=self._call_uid, cause_id=self._cause)

    async def _registered_phone(self) -> Binding:
        """The binding that `bind="registration"` means."""
        raise InvalidWord('bind="registration" needs a request of a registered phone, or the binding itself')

    async def _while_registered(
        self, bind: str | Binding, events: Events, filter: Filter, route: Route, timeout: float, options: dict[str, Any]
    ) -> Subscription:
        from .server_ref import RegistrationRef  # its words are these

        env = self._environment
        binding = bind if isinstance(bind, Binding) else await self._registered_phone()
        phone = RegistrationRef(env, binding.aor, binding.key)
        watch = env.routing.notify_on_event(
            E_UL_CONTACT_DELETE,
            {"aor": binding.aor, "key": binding.key},
            _phone_gone,
            timeout,
            bound_to=phone,
            once=True,
        )

        def stop_watching(subscription: Subscription, why: str) -> None:
            watch.cancel(why)

        try:
            subscription = env.routing.notify_on_event(
                events,
                filter,
                route,
                timeout,
                bound_to=phone,
                bind="registration",
                ended=stop_watching,
                **options,
            )
        except BaseException:
            watch.cancel()
            raise
        await env.bus.subscribed()
        return subscription


async def _phone_gone(event: Event, phone: Any) -> None:
    """The notification route that ends what is bound to a registration."""
    phone.ended()
