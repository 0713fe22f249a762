import json

import pytest

from pbx.dashboard.board import RECENT_CHANGES, Board, Gap


def changed(rev, uid="a", **fields):
    return {"rev": rev, "call": {"uid": uid, **fields}}


def loaded(rev=10, *calls):
    board = Board()
    board.load(rev, calls)
    return board


def shown(board):
    snapshot = json.loads(board.calls_snapshot())
    return snapshot["seq"], {call["uid"] for call in snapshot["calls"]}


def test_changes_are_numbered_on_from_the_snapshot():
    board = loaded(10, {"uid": "old"})

    first = json.loads(board.apply(changed(11, "a", state="ringing")))
    second = json.loads(board.apply({"rev": 12, "gone": "old"}))

    assert (first["seq"], first["type"]) == (11, "call.changed")
    assert (first["data"]["uid"], first["data"]["state"]) == ("a", "ringing")
    assert (second["seq"], second["type"], second["data"]) == (12, "call.gone", {"uid": "old"})
    assert shown(board) == (12, {"a"})


def test_a_browser_gets_what_a_worker_leaves_out():
    """A record in Redis has only what differs from the default."""
    board = loaded(10, {"uid": "old"})

    told = json.loads(board.apply(changed(11, branches=[{"id": "b", "code": 180}])))["data"]

    assert (told["picked_by"], told["groups"], told["waking"]) == ("", [], 0)
    assert (told["branches"][0]["state"], told["branches"][0]["code"]) == ("trying", 180)
    assert json.loads(board.calls_snapshot())["calls"][0]["branches"] == []


def test_a_change_that_the_snapshot_contains_is_dropped():
    board = loaded(10, {"uid": "a", "state": "answered"})

    assert board.apply(changed(9, state="ringing")) is None
    assert board.apply(changed(10, state="answered")) is None
    assert board.apply(changed(11, state="ended")) is not None


@pytest.mark.parametrize(
    ("_case", "revisions"),
    [
        ("one is missing", [11, 13]),
        ("the first is missing", [12]),
        ("the store counts from one again", [11, 1]),
        ("the same twice", [11, 11]),
    ],
)
def test_numbers_that_do_not_follow_are_a_gap(_case, revisions):
    board = loaded(10)

    with pytest.raises(Gap):
        for rev in revisions:
            board.apply(changed(rev))


def test_a_store_that_counts_anew_before_anything_was_heard_is_a_gap():
    board = Board()
    board.listen_from(10)
    board.load(10, [])

    with pytest.raises(Gap):
        board.apply(changed(1))


def test_before_the_first_snapshot_every_change_is_a_gap():
    with pytest.raises(Gap):
        Board().apply(changed(1))


def test_a_browser_that_was_away_gets_exactly_what_it_missed():
    board = loaded(10)
    for rev in range(11, 16):
        board.apply(changed(rev))

    assert [json.loads(text)["seq"] for text in board.calls_since(12)] == [13, 14, 15]
    assert board.calls_since(15) == []


@pytest.mark.parametrize(("_case", "rev"), [("from the future", 16), ("from before the snapshot", 9)])
def test_a_revision_that_cannot_be_continued_needs_a_snapshot(_case, rev):
    board = loaded(10)
    for number in range(11, 16):
        board.apply(changed(number))

    assert board.calls_since(rev) is None


def test_only_so_many_changes_are_kept():
    board = loaded(0)
    for rev in range(1, RECENT_CHANGES + 11):
        board.apply(changed(rev))

    assert board.calls_since(9) is None
    assert len(board.calls_since(10)) == RECENT_CHANGES
