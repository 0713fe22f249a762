"""Which pages there are, and who may see them."""

from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from pbx.accounts.models import Account

OPEN = {"login", "logout", "password_change", "set_language", "words", "healthz", "readyz"} | {
    "acrobits_reporter",
    "own_devices",
    "push_call_state",
}
ARGUMENTS = {"pk": 1, "uid": "u1", "provider": "fcm", "push_id": UUID(int=1)}


def addresses(patterns=None, prefix=""):
    """Every page of ours with its name."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLPattern):
            arguments = {name: ARGUMENTS[name] for name in pattern.pattern.converters}
            if pattern.name and pattern.name not in OPEN:
                yield pattern.name, reverse(pattern.name, kwargs=arguments)
        elif pattern.namespace is None and str(pattern.pattern) == "":
            yield from addresses(pattern.url_patterns)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "address"), list(addresses()))
def test_every_page_asks_for_a_sign_in(name, address):
    response = Client(headers={"host": "localhost"}).get(address)

    assert response.status_code == 302
    assert response.url.startswith("/login/")


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "address"), list(addresses()))
def test_every_page_is_for_staff_alone(name, address):
    client = Client(headers={"host": "localhost"})
    client.force_login(Account.objects.create_user("guest", password="x"))

    assert client.get(address).status_code == 403


@pytest.mark.parametrize("address", ["/", "/subscribers/", "/groups/", "/devices/", "/push/", "/calls/", "/events/"])
def test_the_pages_of_the_contract_exist(page, address):
    assert page.get(address).status_code == 200


def test_pages_carry_no_inline_script_or_style(page, make):
    subscriber = make("101")
    for address in ("/", "/subscribers/", f"/subscribers/{subscriber.pk}/", "/groups/new/", "/events/"):
        text = page.get(address).content.decode()
        assert "<script>" not in text
        assert " style=" not in text
        assert " onclick=" not in text


def test_a_one_time_password_leads_to_the_password_form(admin):
    admin.must_change_password = True
    admin.save()
    client = Client(headers={"host": "localhost"})
    client.force_login(admin)

    assert client.get("/subscribers/").url == reverse("password_change")
    form = client.get(reverse("password_change"))
    assert "one-time password" in form.content.decode()
    assert form.content.decode().count('class="form-control"') >= 3, "its fields look like those of the other pages"
    answer = {
        "old_password": "a long enough password",
        "new_password1": "another-long-1",
        "new_password2": "another-long-1",
    }
    assert client.post(reverse("password_change"), answer).url == "/"
    assert client.get("/subscribers/").status_code == 200


def test_too_many_wrong_passwords_lock_the_sign_in(admin):
    client = Client(headers={"host": "localhost"})
    for _ in range(6):
        response = client.post("/login/", {"username": "admin", "password": "wrong"})

    assert response.status_code == 429
    assert "15 minutes" in response.content.decode()
    right = client.post("/login/", {"username": "admin", "password": "a long enough password"})
    assert right.status_code == 429


def test_a_wrong_password_says_so_and_keeps_the_name(admin):
    response = Client(headers={"host": "localhost"}).post("/login/", {"username": "admin", "password": "wrong"})

    assert response.status_code == 200
    assert 'value="admin"' in response.content.decode()
    assert "wrong" not in response.content.decode()


def test_signing_out_ends_the_session(page):
    assert page.post("/logout/").url == "/login/"
    assert page.get("/").status_code == 302
