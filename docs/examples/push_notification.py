"""Example 1.3 of the OpenSIPS event_routing manual, push notification, in the words of this product."""

from sipcore.contract.events import E_UL_CONTACT_INSERT
from sipcore.script import event_route, request_route


@request_route("REGISTER")
async def register(request):
    if await request.authenticate():
        await request.save()


@request_route("INVITE")
async def route_to_user(request):
    if await request.authenticate() is None:
        return
    # The transaction exists already: t_newtran() has no word here.
    # Keep it alive, even if all branches end: contacts may still come.
    request.wait_for_new_branches(20)

    # Subscribe to new contacts, but of our callee only.
    await request.notify_on_event(E_UL_CONTACT_INSERT, {"aor": request.request_aor}, fork_call, 20)

    # Fetch the contacts that are registered already. When there are none, the transaction still waits.
    request.fork(await request.lookup(request.request_aor))


@event_route
async def fork_call(event, call):
    # Inject the contact that the event describes as a new branch of the original transaction.
    call.inject_branches([event.binding])
