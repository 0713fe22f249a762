import time

import pytest
from django.conf import settings
from redis import Redis

from pbx.push import actions as push
from pbx.subscribers import actions
from pbx.subscribers.models import Subscriber
from sipcore.contract import keys
from sipcore.contract.calls import BranchState, CallState
from sipcore.contract.location import Binding
from sipcore.contract.records import to_json


def text(response):
    assert response.status_code == 200
    return response.content.decode()


def at(user):
    return f"{user}@{settings.SIP_REALM}"


def numbers(response):
    return [subscriber.username for subscriber, _ in response.context["people"]]


def register(store, aor, **fields):
    values = {"key": "k", "contact": f"sip:{aor}", "expires_at": time.time() + 60, "call_id": "c", "cseq": 1}
    binding = Binding(aor=aor, **(values | fields))
    store.hset(keys.bindings(aor), mapping={binding.key: to_json(binding), "rev": "7"})


def test_the_list_finds_by_number_name_and_e_mail(page, make):
    make("101", display_name="김철수", email="kim@example.org")
    make("102", display_name="Bob")

    assert numbers(page.get("/subscribers/")) == ["101", "102"]
    assert numbers(page.get("/subscribers/?q=철수")) == ["101"]
    assert numbers(page.get("/subscribers/?q=KIM@")) == ["101"]
    assert numbers(page.get("/subscribers/?q=102")) == ["102"]
    assert "Nobody matches" in text(page.get("/subscribers/?q=103"))


def test_an_empty_list_offers_the_first_step(page):
    assert "Create the first subscriber" in text(page.get("/subscribers/"))


def test_the_list_is_sorted_filtered_and_paged_by_the_address(page, make):
    for number in range(101, 131):
        make(str(number), display_name=f"N{230 - number}", enabled=number != 110)

    assert numbers(page.get("/subscribers/?order=-number"))[0] == "130"
    assert numbers(page.get("/subscribers/?order=name"))[0] == "130"
    assert numbers(page.get("/subscribers/?state=suspended")) == ["110"]
    assert numbers(page.get("/subscribers/?page=2")) == ["126", "127", "128", "129", "130"]
    assert len(numbers(page.get("/subscribers/?size=50"))) == 30
    assert numbers(page.get("/subscribers/?page=9&order=nonsense&size=7"))[-1] == "130"
    assert "30 entries" in text(page.get("/subscribers/"))
    assert "1 of 30" in text(page.get("/subscribers/?q=130"))


@pytest.fixture
def five(make, store):
    """One of each presence."""
    everybody = {name: make(name) for name in ("online", "asleep", "offline", "ringing", "talking", "suspended")}
    actions.set_enabled(everybody["suspended"], False)
    push.add_device(everybody["asleep"], provider="http", token="0123456789abcdef0123")
    register(store, at("online"))
    register(store, at("offline"), expires_at=time.time() - 1)
    branch = BranchState(id="b", target=at("ringing"), contact="", device="", source="lookup", state="ringing")
    common = {"call_id": "c", "caller_name": "", "dialled": "", "started_at": time.time()}
    calls = [
        CallState(uid="1", caller=at("x"), callee=at("ringing"), state="ringing", branches=(branch,), **common),
        CallState(
            uid="2",
            caller=at("y"),
            callee=at("z"),
            answered_by=at("talking"),
            state="answered",
            **common,
        ),
    ]
    store.hset(keys.CALLS, mapping={call.uid: to_json(call) for call in calls})
    return everybody


def test_presence_is_said_in_words(page, five):
    shown = {subscriber.username: presence for subscriber, presence in page.get("/subscribers/").context["people"]}

    assert shown == {
        "online": "online",
        "asleep": "asleep",
        "offline": "offline",
        "ringing": "ringing",
        "talking": "in-call",
        "suspended": "suspended",
    }
    assert ">asleep</span>" in text(page.get("/subscribers/"))


@pytest.mark.parametrize(
    ("state", "expected"),
    [("online", ["online", "ringing", "talking"]), ("asleep", ["asleep"]), ("offline", ["offline"])],
)
def test_the_list_is_filtered_by_presence(page, five, state, expected):
    assert numbers(page.get(f"/subscribers/?state={state}")) == expected


def test_the_counters_agree_with_the_list(page, five):
    assert page.get("/counters.json").json() == {"registered": 3, "asleep": 1}


def test_creating_makes_a_subscriber_and_never_shows_the_password(page):
    form = {"username": "101", "display_name": "Kim", "password": "geheim-geheim", "enabled": "on"}

    response = page.post("/subscribers/new/", form, follow=True)

    assert Subscriber.objects.get().aor == at("101")
    assert f"{at('101')} has been created." in text(response)
    assert "geheim-geheim" not in text(response)


@pytest.mark.parametrize(
    ("_case", "change", "sentence"),
    [
        ("no name", {"username": ""}, "This field is required."),
        ("no password", {"password": ""}, "This field is required."),
        ("a space", {"username": "1 1"}, "Letters, digits and"),
        ("a pickup code", {"username": "33"}, "is a pickup code"),
        ("the name as password", {"password": "101"}, "first password that scanners try"),
        ("taken", {"username": "102"}, "There is already a subscriber 102@"),
        ("no address", {"email": "kim"}, "Enter a valid email address."),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_stored(page, make, _case, change, sentence):
    make("102")
    form = {"username": "101", "password": "geheim-geheim", "enabled": "on"} | change

    shown = text(page.post("/subscribers/new/", form))

    assert sentence in shown
    assert "geheim-geheim" not in shown
    assert Subscriber.objects.count() == 1


def test_editing_keeps_the_password_unless_one_is_given(page, make):
    subscriber = make("101")
    before = subscriber.ha1_sha256

    page.post(f"/subscribers/{subscriber.pk}/edit/", {"username": "101", "display_name": "New", "enabled": "on"})
    subscriber.refresh_from_db()
    assert (subscriber.display_name, subscriber.ha1_sha256) == ("New", before)

    page.post(f"/subscribers/{subscriber.pk}/password/", {"password": "another-one"})
    subscriber.refresh_from_db()
    assert subscriber.ha1_sha256 != before


def test_a_new_name_needs_the_password_again(page, make):
    subscriber = make("101")

    shown = text(page.post(f"/subscribers/{subscriber.pk}/edit/", {"username": "103", "enabled": "on"}))

    assert "needs the password again" in shown
    assert at("101") in shown
    subscriber.refresh_from_db()
    assert subscriber.username == "101"


def test_memberships_are_ticked_in_the_form(page, make):
    subscriber = make("101")
    sales, support = actions.create_group(name="Sales"), actions.create_group(name="Support")
    form = {"username": "101", "enabled": "on", "pickup_groups": [sales.pk], "may_pick": [sales.pk, support.pk]}

    page.post(f"/subscribers/{subscriber.pk}/edit/", form)

    assert list(subscriber.pickup_groups.all()) == [sales]
    assert list(subscriber.may_pick.all()) == [sales, support]
    shown = page.get(f"/subscribers/{subscriber.pk}/edit/").context["form"].memberships()
    assert [(group.name, member, picks) for group, member, picks in shown] == [
        ("Sales", True, True),
        ("Support", False, True),
    ]


def test_suspending_and_resuming(page, make):
    subscriber = make("101")

    page.post(f"/subscribers/{subscriber.pk}/suspend/")
    subscriber.refresh_from_db()
    assert not subscriber.enabled

    page.post(f"/subscribers/{subscriber.pk}/resume/")
    subscriber.refresh_from_db()
    assert subscriber.enabled
    assert page.get(f"/subscribers/{subscriber.pk}/suspend/").status_code == 405


def test_deleting_says_what_goes_first(page, make, store):
    subscriber = make("101")
    actions.create_group(name="Sales", members=[subscriber])
    push.add_device(subscriber, provider="http", token="0123456789abcdef0123")
    register(store, subscriber.aor)

    shown = text(page.get(f"/subscribers/{subscriber.pk}/delete/"))
    assert "1 registered phone is signed out" in shown
    assert "1 push device is forgotten" in shown
    assert "1 pickup group is lost" in shown

    assert page.post(f"/subscribers/{subscriber.pk}/delete/").url == "/subscribers/"
    assert not Subscriber.objects.exists()


def test_the_detail_shows_phones_groups_and_devices_without_their_tokens(page, make, store):
    subscriber = make("101")
    actions.create_group(name="Sales", members=[subscriber])
    push.add_device(subscriber, provider="http", token="0123456789abcdef0123")
    register(store, subscriber.aor, user_agent="Linphone iOS 5.2", host="10.0.0.8", port=5062)

    shown = text(page.get(f"/subscribers/{subscriber.pk}/"))

    assert "Linphone iOS 5.2" in shown
    assert "10.0.0.8:5062" in shown
    assert "Sales" in shown
    assert "0123…0123" in shown
    assert "0123456789abcdef0123" not in shown


def test_pages_stay_up_without_redis(page, make, monkeypatch):
    subscriber = make("101")
    away = Redis(unix_socket_path="/nonexistent", decode_responses=True)
    for module in ("pbx.subscribers.bindings", "pbx.subscribers.presence", "pbx.event_log"):
        monkeypatch.setattr(f"{module}.store", lambda: away)

    assert "unknown" in text(page.get("/subscribers/"))
    assert "Redis does not answer" in text(page.get(f"/subscribers/{subscriber.pk}/"))
    assert page.get("/counters.json").json() == {"registered": None, "asleep": None}
    assert page.get("/events/log.json").status_code == 503
