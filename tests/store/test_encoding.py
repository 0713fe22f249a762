"""Events as people read them."""

import json

from sipcore.contract.events import E_CALL_PICKUP, E_WAIT_CLOSED, Event
from sipcore.contract.records import from_json
from sipcore.store.encoding import encode_event


def test_an_event_is_written_as_it_is():
    event = Event("e1", E_WAIT_CLOSED, 1.0, "w1", {"why": "count"}, "c1")

    assert from_json(Event, encode_event(event)) == event


def test_records_are_left_out_of_an_event():
    event = Event("e1", E_CALL_PICKUP, 1.0, "w1", {"call": "c1", "binding": {"q": 1.0}})

    assert json.loads(encode_event(event))["attributes"] == {"call": "c1"}
