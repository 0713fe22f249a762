"""The routing script of this PBX: what happens to each request, in order.

Copy it, set PBX_ROUTES to the copy, edit, and send the worker SIGHUP: a script with a fault is refused and the old one
goes on. Requests within a dialog, ACK and CANCEL never come here; they follow the route of their call.
"""

from sipcore.contract.events import E_CALL_PICKUP, E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE
from sipcore.script import event_route, request_route

MESSAGE_SECONDS = 28  # that a message waits for its phone; the sender gives up after 32 s
METHODS = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH, REFER, INFO, UPDATE, PRACK"


@request_route("REGISTER")
async def register(request):
    """A phone says where it is. It registers as itself only; `authenticate` sees to that."""
    if await request.authenticate():
        await request.save()


@request_route("INVITE")
async def invite(request):
    """A call: to a pickup code, to a subscriber, or to somebody elsewhere."""
    caller = await request.authenticate()
    if caller is None:
        return
    if request.request_domain is None:
        return request.relay()

    settings, dialled = request.settings, request.dialled
    if dialled in settings.pickup_codes:
        return await pick_up(request, caller.may_pick)
    for group in caller.may_pick:
        if (record := await request.group(group)) and record.code and record.code == dialled:
            return await pick_up(request, (group,))
    if settings.pickup_directed and dialled.startswith(settings.pickup_directed):
        extension = dialled.removeprefix(settings.pickup_directed)
        if extension:
            return await pick_up(request, caller.may_pick, extension)

    callee = await request.subscriber(request.request_aor)
    if callee is None or not callee.enabled:
        return request.reply(404)
    await ring(request, callee)


async def ring(request, callee):
    """Ring every phone of the callee, and each one that registers while the call waits. Subscribe, look, act."""
    settings = request.settings
    request.call(callee)
    await request.notify_on_event(
        (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE), {"aor": callee.aor}, fork_call, settings.call_seconds
    )
    if callee.pickup_groups:
        await request.notify_on_event(E_CALL_PICKUP, {"call": request.call_uid}, handle_pickup, settings.call_seconds)

    phones = await request.lookup(callee.aor)
    nobody = settings.hold == "auto" and not phones
    if callee.push_devices or nobody or settings.hold == "always":
        request.wait_for_new_branches(settings.wake_seconds)
    request.fork(phones, ring_seconds=settings.ring_seconds)
    if callee.push_devices:
        await request.wake(callee, phones)


@event_route
async def fork_call(event, call):
    """A phone of the callee has registered: it joins the call, if it is not in it yet."""
    call.inject_branches([event.binding])


async def pick_up(request, groups, extension=""):
    """The oldest call ringing in these groups, or ringing that extension, moves to the picker's phone."""
    if not groups:
        return request.reply(403, "Not in a pickup group")
    ringing = f"{extension}@{request.request_domain}" if extension else ""
    claim = await request.claim_ringing_call(groups, ringing)
    if claim is None:
        return request.reply(480, "Nothing to pick up")
    request.reply(480, "Gone")
    await request.acknowledged()
    await request.hand_over(claim)


@event_route
async def handle_pickup(event, call):
    """This call has been claimed: ring the picker, and leave the original phones as the group wishes."""
    group = await call.group(event.group)
    call.take_over(event, cancel=group.cancel_original if group else "when_ringing")


@request_route("OPTIONS")
async def options(request):
    """A ping to the server itself needs no password; one to a phone goes the way of other requests."""
    if request.is_for_server:
        return request.reply(200, headers=[("Allow", METHODS), ("Accept", "application/sdp")])
    await other(request)


@request_route("MESSAGE")
async def message(request):
    """A message: to every phone of a subscriber, and to each one that wakes up for it in time."""
    callee = await addressee(request)
    if callee is None:
        return
    if callee.push_devices:
        events = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
        await request.notify_on_event(events, {"aor": callee.aor}, fork_call, MESSAGE_SECONDS)
    phones = await request.lookup(callee.aor)
    if callee.push_devices and not phones:
        request.wait_for_new_branches(MESSAGE_SECONDS)
        await request.wake(callee)
    tried = await request.try_targets(phones)
    if tried.status in (408, 480) and request.settings.keep_message_seconds and request.content:
        await keep(request, callee.aor, request.content, request.settings.keep_message_seconds)
        request.reply(202, "Kept")


async def keep(words, aor, content, seconds):
    """Keep a message until a phone of its addressee registers, but not for ever."""
    arrivals = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
    await words.notify_on_event(arrivals, {"aor": aor}, deliver, seconds, bind="none", once=True, context=content)


@event_route
async def deliver(event, server, content):
    """A phone has come for which a message was kept. What it does not take is kept for the rest of its time."""
    status = await server.send_message(event.binding, content)
    left = server.seconds_left(content, server.settings.keep_message_seconds)
    if status in (408, 480, 503) and left > 0:
        await keep(server, event.aor, content, left)


@request_route()
async def other(request):
    """Everything else: to the phones of a subscriber that take the method, or to elsewhere."""
    callee = await addressee(request)
    if callee is not None:
        request.fork(await request.lookup(callee.aor))


async def addressee(request):
    """The subscriber that a request is for; None when it was answered, or sent on to elsewhere."""
    if await request.authenticate() is None:
        return None
    if request.request_domain is None:
        return request.relay()
    if request.is_for_server:
        return request.reply(405, headers=[("Allow", METHODS)])
    callee = await request.subscriber(request.request_aor)
    if callee is None or not callee.enabled:
        return request.reply(404)
    return callee
