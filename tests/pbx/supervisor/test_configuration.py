from __future__ import annotations

from pathlib import Path

import pytest

from pbx.supervisor.configuration import Configuration
from pbx.supervisor.errors import CannotStart

HERE = Path("/srv/pbx")


def read(parts=("web", "sip", "celery"), **environ: str) -> Configuration:
    return Configuration.from_environment(environ, HERE, parts)


def test_without_any_variable_everything_has_its_default():
    found = read()

    assert str(found.http) == "0.0.0.0:8000"
    assert [(each.setting, str(each), each.udp) for each in found.sip] == [("PBX_SIP", "0.0.0.0:5060", True)]
    assert (found.sip_workers, found.domains, found.database_url, found.redis_url) == (1, (), "", "")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PBX_HTTP", "8000", "PBX_HTTP is '8000'; allowed is an IP address and a port"),
        ("PBX_HTTP", "localhost:8000", "PBX_HTTP is 'localhost:8000'; allowed is an IP address and a port"),
        ("PBX_HTTP", "0.0.0.0:0", "PBX_HTTP is '0.0.0.0:0'"),
        ("PBX_HTTP", "0.0.0.0:65536", "PBX_HTTP is '0.0.0.0:65536'"),
        ("PBX_SIP", "off", "PBX_SIP is 'off'"),
        ("PBX_SIP", "0.0.0.0", "PBX_SIP is '0.0.0.0'"),
        ("PBX_SIP_WORKERS", "0", "PBX_SIP_WORKERS is '0'; allowed is a whole number from 1 to 64"),
        ("PBX_SIP_WORKERS", "65", "PBX_SIP_WORKERS is '65'"),
        ("PBX_SIP_WORKERS", "many", "PBX_SIP_WORKERS is 'many'"),
        ("PBX_DOMAINS", "pbx.example.org,a b", "PBX_DOMAINS is 'a b'; allowed is host names"),
        (
            "DATABASE_URL",
            "mysql://u:swordfish@h/d",
            "DATABASE_URL is 'mysql:…'; allowed is an address with postgresql://",
        ),
        ("REDIS_URL", "http://:swordfish@h", "REDIS_URL is 'http:…'; allowed is an address with redis:// or rediss://"),
        ("DATABASE_URL_FILE", "/nowhere/secret", "DATABASE_URL_FILE is '/nowhere/secret'; allowed is a file"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_is_allowed(name, value, sentence):
    with pytest.raises(CannotStart) as refusal:
        read(**{name: value})

    assert sentence in str(refusal.value)
    assert "swordfish" not in str(refusal.value)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(CannotStart) as refusal:
        read(PBX_HTTP="x", PBX_SIP="y", PBX_SIP_WORKERS="z")

    assert [sentence.split()[0] for sentence in refusal.value.sentences] == ["PBX_HTTP", "PBX_SIP", "PBX_SIP_WORKERS"]


def test_an_unknown_part_is_refused():
    with pytest.raises(CannotStart, match="--only is 'web,sipp'; allowed is one or more of web, sip, celery"):
        read(("web", "sipp"))


def test_listeners_are_those_of_the_parts_that_are_started():
    assert [each.setting for each in read(("web",)).listeners] == ["PBX_HTTP"]
    assert [each.setting for each in read(("sip",)).listeners] == ["PBX_SIP"]


def test_only_the_web_side_needs_a_database():
    assert [read((part,)).needs_database for part in ("web", "sip", "celery")] == [True, False, True]


def test_an_ipv6_listener_is_written_with_brackets():
    listener = read(PBX_HTTP="[::1]:8000").http

    assert (listener.host, listener.port, str(listener), listener.everywhere) == ("::1", 8000, "[::1]:8000", False)
    assert read(PBX_HTTP="[::]:8000").http.everywhere


def test_an_address_may_come_from_a_file(tmp_path):
    secret = tmp_path / "database"
    secret.write_text("postgresql://pbx:swordfish@db/pbx\n")

    found = read(DATABASE_URL_FILE=str(secret))

    assert found.database_url == "postgresql://pbx:swordfish@db/pbx"
    assert "swordfish" not in repr(found)
