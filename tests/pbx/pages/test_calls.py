from datetime import UTC, datetime, timedelta

import pytest

from pbx.calls.models import CallBranchRecord, CallRecord


def text(response):
    assert response.status_code == 200
    return response.content.decode()


def uids(response):
    return [call.uid for call in response.context["listing"]]


@pytest.fixture
def record(db):
    def make(uid, **fields):
        started = fields.pop("started_at", datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
        values = {"call_id": f"{uid}@phone", "caller": "101@localhost", "callee": "102@localhost", "dialled": "102"}
        values |= {"state": "ended", "reason": "no-answer", "ended_at": started + timedelta(seconds=30), "code": 480}
        return CallRecord.objects.create(uid=uid, started_at=started, **(values | fields))

    return make


def test_calls_are_listed_newest_first_and_found(page, record):
    record("old", started_at=datetime(2026, 11, 1, 9, 0, tzinfo=UTC))
    record("new", caller="kim@localhost", caller_name="김철수")

    assert uids(page.get("/calls/")) == ["new", "old"]
    assert uids(page.get("/calls/?q=철수")) == ["new"]
    assert uids(page.get("/calls/?from=2026-11-02")) == ["new"]
    assert uids(page.get("/calls/?to=2026-11-01")) == ["old"]
    assert uids(page.get("/calls/?from=nonsense&to=2026-02-31")) == ["new", "old"]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [("answered", ["a"]), ("missed", ["m"]), ("picked", ["a"]), ("no-answer", ["m"]), ("?", ["m", "a"])],
)
def test_calls_are_filtered_by_how_they_ended(page, record, outcome, expected):
    record("a", reason="answered", picked_by="103@localhost", answered_by="103@localhost")
    record("m", started_at=datetime(2026, 11, 21, tzinfo=UTC))

    assert uids(page.get("/calls/", {"outcome": outcome})) == expected


def test_a_call_shows_each_phone_that_was_tried(page, record):
    call = record(
        "a", reason="answered", answered_at=datetime(2026, 11, 20, 15, 0, 12, tzinfo=UTC), answered_by="102@localhost"
    )
    CallBranchRecord.objects.create(
        call=call,
        branch_id="b",
        target="102@localhost",
        contact="sip:102@10.0.0.8",
        device="Zoiper",
        source="event",
        state="answered",
        code=200,
    )

    shown = text(page.get("/calls/a/"))

    assert "Zoiper" in shown
    assert "registered while it rang" in shown
    assert "<dd>0:18</dd>" in shown
    assert page.get("/calls/nothing/").status_code == 404


def test_what_a_phone_says_is_text_and_no_markup(page, record):
    record("x", caller_name="<script>alert(1)</script>")

    for address in ("/calls/", "/calls/x/"):
        assert "<script>alert" not in text(page.get(address))


def test_the_last_calls_of_a_subscriber(page, record):
    record("out")
    record("other", caller="9@localhost", callee="8@localhost")

    assert [call.uid for call in page.get("/calls/of/?aor=102@localhost").context["calls"]] == ["out"]
