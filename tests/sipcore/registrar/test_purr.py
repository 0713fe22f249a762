"""References by which phones are woken in a call."""

from __future__ import annotations

from msgspec.structs import replace

from sipcore.contract.location import Binding
from sipcore.registrar import Purrs

DAY = 86_400
EPOCH = 20_000 * DAY + 5.0
PURRS = Purrs(b"a secret of the tests")
BOB = Binding("bob@example.org", "urn:uuid:1", "sip:bob@192.0.2.1", EPOCH + 600, "call", 1)
DESK = replace(BOB, key="urn:uuid:2")


def test_a_reference_finds_its_phone_among_others():
    assert PURRS.find(PURRS.make(BOB.aor, BOB.key, EPOCH), [DESK, BOB], EPOCH) is BOB


def test_it_says_nothing_and_changes_every_day():
    references = {PURRS.make(BOB.aor, BOB.key, EPOCH + day * DAY) for day in range(10)}
    assert len(references) == 10
    assert all(len(each) == 20 and "bob" not in each for each in references)


def test_yesterdays_is_still_good_for_a_call_that_began_then():
    reference = PURRS.make(BOB.aor, BOB.key, EPOCH - DAY)
    assert PURRS.find(reference, [BOB], EPOCH) is BOB
    assert PURRS.find(reference, [BOB], EPOCH + DAY) is None


def test_it_is_nobody_elses_and_cannot_be_made_by_anybody_else():
    reference = PURRS.make(BOB.aor, BOB.key, EPOCH)
    assert PURRS.find(reference, [replace(BOB, aor="eve@example.org"), DESK], EPOCH) is None
    assert Purrs(b"another secret than that").make(BOB.aor, BOB.key, EPOCH) != reference
