from __future__ import annotations

from sipcore.calls.live_call import LiveBranch, LiveCall


def test_a_picture_of_a_branch_is_taken_once_until_it_changes():
    branch = LiveBranch("1", "bob@pbx.example", "sip:bob@h", "phone", "lookup", 100.0)
    first = branch.freeze()

    assert branch.freeze() is first

    branch.change("ringing", 180, 0.0)

    assert (first.state, branch.freeze().state) == ("trying", "ringing")


def test_a_picture_of_a_call_stays_as_it_was():
    call = LiveCall("c1", "call-1", "tag", 100.0)
    picture = call.freeze("worker-a")

    call.state = "ringing"

    assert (picture.state, picture.worker, picture.started_at) == ("setup", "worker-a", 100.0)
