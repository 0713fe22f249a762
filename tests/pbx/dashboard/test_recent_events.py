import json

import pytest

from pbx.dashboard.recent_events import FIRST_EVENTS, KEPT_EVENTS, RecentEvents, View, shown_entry


def entry(number, **attributes):
    event = {"id": f"e{number}", "name": "E_NODE_UP", "ts": number, "node": "w", "attributes": attributes}
    return f"{number}-0", {"event": json.dumps(event)}


def numbers(events):
    return [int(event["id"][1:]) for event in events]


def loaded(*range_of, limit=FIRST_EVENTS):
    recent = RecentEvents()
    recent.load([entry(number) for number in range(*range_of)], limit)
    return recent


def test_what_follows_the_first_entries_is_numbered_and_carries_its_cursor():
    recent = loaded(1, 3)

    first, second = (json.loads(text) for _, text in recent.add([entry(3), entry(5)]))

    assert [(frame["seq"], frame["cursor"], frame["data"]["cursor"]) for frame in (first, second)] == [
        (1, "3-0", "3-0"),
        (2, "5-0", "5-0"),
    ]
    assert recent.cursor == "5-0"
    snapshot = json.loads(recent.snapshot(View()))
    assert (snapshot["seq"], snapshot["cursor"], numbers(snapshot["events"])) == (2, "5-0", [1, 2, 3, 5])


def test_whoever_comes_back_gets_what_follows_his_cursor():
    recent = loaded(1, 11)

    assert numbers(recent.since("7-0")) == [8, 9, 10]
    assert numbers(recent.since("7-1")) == [8, 9, 10]
    assert recent.since("10-0") == []


@pytest.mark.parametrize(
    ("_case", "cursor", "limit"),
    [("ahead of all that is known", "11-0", 100), ("further back than is kept", "0-5", 10)],
)
def test_a_cursor_that_cannot_be_continued_from_here(_case, cursor, limit):
    assert loaded(1, 11, limit=limit).since(cursor) is None


def test_the_whole_of_a_short_log_can_be_continued_from_its_beginning():
    assert numbers(loaded(1, 4).since("0-0")) == [1, 2, 3]


def test_only_so_many_are_kept_and_fewer_shown_at_first():
    recent = loaded(0)
    recent.add([entry(number) for number in range(1, KEPT_EVENTS + 6)])

    assert recent.kept_after == "5-0"
    assert recent.since("4-0") is None
    assert len(recent.since("5-0")) == KEPT_EVENTS
    assert len(json.loads(recent.snapshot(View()))["events"]) == FIRST_EVENTS


def test_an_entry_that_cannot_be_read_is_passed_over():
    recent = loaded(1, 2)

    frames = recent.add([("2-0", {"event": "{"}), ("3-0", {"other": "x"}), ("4-0", {"event": "[]"}), entry(5)])

    assert (len(frames), recent.cursor) == (1, "5-0")


def test_what_could_send_a_push_or_claim_a_call_is_not_shown():
    shown = shown_entry(*entry(1, token="t0k3n", binding={"contact": "sip:x"}, pn_prid="secret", aor="101@pbx.test"))

    assert shown["attributes"] == {"aor": "101@pbx.test"}
