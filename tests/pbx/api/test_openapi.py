"""The OpenAPI document says what there is."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import get_resolver

from pbx.api import urls
from pbx.api.resources import RESOURCES
from pbx.api.scopes import SCOPES

SPOKEN_OF = {"openapi", "docs", "nothing_here"}


@pytest.fixture
def document(db):
    return Client(headers={"host": "localhost"}).get("/api/v1/openapi.json").json()


def test_every_route_is_in_the_document(document):
    routes = {
        "/api/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        for pattern in urls.urlpatterns
        if pattern.name not in SPOKEN_OF
    }

    assert routes == set(document["paths"])
    assert "api" in get_resolver().namespace_dict


def test_every_operation_says_who_may_and_what_comes_back(document):
    ids = []
    for path, about in document["paths"].items():
        for method in about.keys() - {"description"}:
            operation = about[method]
            ids.append(operation["operationId"])
            assert operation["summary"], path
            assert operation["security"][0]["token"][0] in SCOPES
            assert {"400", "401", "403", "503"} < operation["responses"].keys()
            assert {"200", "201", "202", "204"} & operation["responses"].keys()
            named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
    assert len(ids) == len(set(ids)) >= 4
    assert document["openapi"] == "3.1.0"


def test_every_scope_is_asked_for_by_some_operation():
    assert {operation.scope for resource in RESOURCES for operation in resource.operations} == set(SCOPES)


def test_the_page_for_people_has_every_operation(page, document):
    text = page.get("/api/v1/docs").content.decode()

    for path in document["paths"]:
        assert path in text
    assert " style=" not in text
