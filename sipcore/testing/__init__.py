"""A script author's test kit: a whole PBX in a test, with phones, pushes and time, and without a socket or a service.

    from sipcore.testing import pbx

    def test_a_sleeping_phone_joins_the_call():
        with pbx("my_routes.py") as world:
            bob = world.phone("102", asleep=True)
            call = world.phone("101").call("102")
            world.advance(2)
            bob.wake()
            assert bob.rings
            bob.answer()
            assert call.status == 200
            call.hang_up()

Script, core and event-based routing are those of the product; network, clock, push provider and store are made of lists.
Hours take no time. When the `with` ends, everything has run out, and a script that failed or left something fails the
test. The product imports nothing from here.
"""

from .call import Call
from .phone import Phone
from .world import DOMAIN, World, pbx

__all__ = ["DOMAIN", "Call", "Phone", "World", "pbx"]
