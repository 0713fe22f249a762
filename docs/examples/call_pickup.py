"""Example 1.4 of the OpenSIPS event_routing manual, call pickup, in the words of this product.

As the manual writes it: the event names a group and no call, so each ringing call of the group rings the picker, and the
original branches are cancelled at once. The shipped script claims exactly one call and cancels when the picker's phone rings.
"""

from sipcore.contract.events import E_CALL_PICKUP
from sipcore.script import event_route, request_route


@request_route("REGISTER")
async def register(request):
    if await request.authenticate():
        await request.save()


@request_route("INVITE")
async def route_to_user(request):
    if await request.authenticate() is None:
        return

    if request.dialled == "33":
        # A pickup: end this call, and tell those that ring.
        request.reply(480, "Gone")
        await request.acknowledged()
        await request.raise_event(E_CALL_PICKUP, group="1", picker=request.from_aor)
        return

    phones = await request.lookup(request.request_aor)
    if not phones:
        return request.reply(404)
    # Every subscriber is in group 1 here, as in the manual.
    await request.notify_on_event(E_CALL_PICKUP, {"group": "1"}, handle_pickup, 20)
    request.fork(phones)


@event_route
async def handle_pickup(event, call):
    # Ring the picker with this call, and cancel whoever rang before.
    call.inject_branches(await call.lookup(event.picker), cancel="at_once", source="msg")
