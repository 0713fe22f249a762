"""Via branches of ours, and whether a request has been here."""

from __future__ import annotations

import pytest

from sipcore.proxy import owner_of_branch
from sipcore.proxy.loops import is_looped, loop_hash, was_here
from sipcore.syntax import parse_message
from tests.support import sip

from .world import DESK, PBX, World, make_edge


@pytest.mark.parametrize(
    "branch, owner",
    [
        ("z9hG4bKw1.t1.00000000", "w1"),
        ("z9hG4bKhost-7_a~.x.0", "host-7_a~"),
        ("z9hG4bK776asdhds", ""),
        ("z9hG4bKa.b", ""),
        ("z9hG4bKa.b.c.d", ""),
        ("w1.t1.00000000", ""),
        ("", ""),
    ],
)
def test_a_branch_names_its_worker(branch: str, owner: str) -> None:
    assert owner_of_branch(branch) == owner


def test_the_branches_that_leave_name_this_worker() -> None:
    world = World()
    world.call()
    world.fork(DESK)

    assert owner_of_branch(world.seen[DESK.flow.host, "INVITE"].top_via.branch) == "w1"


def test_the_hash_covers_target_and_route() -> None:
    plain = loop_hash(parse_message(sip.invite()))

    assert plain == loop_hash(parse_message(sip.invite(branch="z9hG4bKother", max_forwards=3)))
    assert plain != loop_hash(parse_message(sip.invite("sip:carol@example.org")))
    assert plain != loop_hash(parse_message(sip.invite(routes=["<sip:a.example.net;lr>"])))


@pytest.mark.parametrize(
    "_case, via, looped, here",
    [
        ("our own, unchanged", f"{PBX}:5060;branch=z9hG4bKw1.t1.{{hash}}", True, True),
        ("a sibling's", f"{PBX}:5060;branch=z9hG4bKw2.t1.{{hash}}", True, True),
        ("our own, changed since", f"{PBX}:5060;branch=z9hG4bKw1.t1.00000000", False, True),
        ("another's with such a branch", "192.0.2.200:5060;branch=z9hG4bKw1.t1.{hash}", False, False),
    ],
)
def test_loops_and_spirals(_case: str, via: str, looped: bool, here: bool) -> None:
    value = loop_hash(parse_message(sip.invite()))
    request = parse_message(sip.invite(vias=[f"SIP/2.0/UDP {via.format(hash=value)}"]))

    assert is_looped(request, make_edge()) is looped
    assert was_here(request, make_edge()) is here
