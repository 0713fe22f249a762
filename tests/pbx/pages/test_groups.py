import pytest

from pbx.subscribers import actions
from pbx.subscribers.models import PickupGroup


def text(response):
    assert response.status_code == 200
    return response.content.decode()


def test_creating_a_group_with_its_people(page, make):
    bob, dan = make("bob"), make("dan")
    form = {
        "name": "Sales",
        "code": "*81",
        "cancel_original": "after_answer",
        "members": [bob.pk],
        "interceptors": [dan.pk],
    }

    shown = text(page.post("/groups/new/", form, follow=True))

    group = PickupGroup.objects.get()
    assert (group.name, group.code, group.cancel_original) == ("Sales", "*81", "after_answer")
    assert list(group.members.all()) == [bob]
    assert list(group.interceptors.all()) == [dan]
    assert "The group Sales has been created." in shown


def test_the_page_prints_exactly_what_to_dial(page, make):
    group = actions.create_group(name="Sales", code="*81", members=[make("bob")])

    shown = text(page.get(f"/groups/{group.pk}/"))

    assert '<kbd class="dial">*81</kbd>' in shown
    assert '<kbd class="dial">33</kbd>' in shown
    assert '<kbd class="dial">*8</kbd>' in shown
    assert '<kbd class="dial">**bob</kbd>' in shown


@pytest.mark.parametrize(
    ("_case", "members", "pickers", "suspended", "sentence"),
    [
        ("nobody may pick", ["bob"], [], [], "Nobody can pick up"),
        ("who may pick is suspended", ["bob"], ["dan"], ["dan"], "Nobody can pick up"),
        ("no members", [], ["dan"], [], "nobody in this group whose calls"),
        ("a suspended member", ["bob", "dan"], ["dan"], ["bob"], "1 member is suspended"),
    ],
)
def test_a_group_that_cannot_work_says_why(page, make, _case, members, pickers, suspended, sentence):
    people = {name: make(name) for name in {*members, *pickers}}
    group = actions.create_group(
        name="Sales", members=[people[name] for name in members], interceptors=[people[name] for name in pickers]
    )
    for name in suspended:
        actions.set_enabled(people[name], False)

    assert sentence in text(page.get(f"/groups/{group.pk}/"))


def test_a_group_that_works_gives_no_warning(page, make, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        group = actions.create_group(name="Sales", members=[make("bob"), make("dan")])

    assert 'class="alert' not in text(page.get(f"/groups/{group.pk}/"))


@pytest.mark.parametrize(
    ("_case", "change", "sentence"),
    [
        ("no name", {"name": ""}, "This field is required."),
        ("taken", {"name": "Sales"}, "already exists"),
        ("letters in the code", {"code": "abc"}, "Digits, * and # only."),
        ("the server's own code", {"code": "33"}, "is a pickup code of this server"),
        ("somebody's number", {"code": "101"}, "number"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(page, make, _case, change, sentence):
    make("101")
    actions.create_group(name="Sales")
    form = {"name": "Support", "code": "", "cancel_original": "when_ringing"} | change

    assert sentence in text(page.post("/groups/new/", form))
    assert PickupGroup.objects.count() == 1


def test_editing_changes_people_and_code(page, make):
    bob, dan = make("bob"), make("dan")
    group = actions.create_group(name="Sales", code="*81", members=[bob])

    page.post(
        f"/groups/{group.pk}/edit/", {"name": "Sales", "code": "", "cancel_original": "at_once", "members": [dan.pk]}
    )

    group.refresh_from_db()
    assert (group.code, list(group.members.all()), list(group.interceptors.all())) == (None, [dan], [])


def test_deleting_asks_first(page, make):
    group = actions.create_group(name="Sales", code="*81", members=[make("bob")])

    shown = text(page.get(f"/groups/{group.pk}/delete/"))
    assert "1 subscriber can no longer be picked up" in shown
    assert "*81" in shown

    page.post(f"/groups/{group.pk}/delete/")
    assert not PickupGroup.objects.exists()
