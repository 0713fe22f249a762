"""`manage.py runpbx`, which is what `bin/run` becomes: from an empty directory to a product that serves, and to its end."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.machine import free_port, wait_until
from tests.support.product import ROOT

CHILDREN = {"web", "sip", "celery", "beat", "valkey", "postgres"}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_first_start_prints_where_it_is_and_a_password_once(start_product):
    product = start_product(environment={"PBX_ADMIN_PASSWORD": None})

    said = product.log()
    password = re.search(r"Password +(\S+) +\(one-time", said)[1]
    assert product.http_url + "/" in said
    assert f"sip:{product.host}:{product.sip_port}" in said
    assert set(product.children()) == CHILDREN
    assert product.get("/readyz")[0] == 200
    kept = [path for path in product.data.rglob("*") if path.is_file() and path.suffix in ("", ".log", ".env")]
    assert not [path for path in kept if password.encode() in path.read_bytes()]
    assert stat.S_IMODE((product.data / "secret_key").stat().st_mode) == 0o600
    children = product.children()

    assert product.end(signal.SIGINT) == 0
    assert not [name for name, pid in children.items() if alive(pid)]
    stopped = re.findall(r"(\w+) +\| .*(?:shut down|ready to exit)", product.log())
    assert stopped[-2:] == ["valkey", "postgres"], "the servers end last"

    product.start()
    assert "Password" not in product.log()
    assert "migrations" not in product.log(), "nothing was left to do"


def test_each_child_that_is_killed_comes_back_and_the_product_with_it(product):
    for name in sorted(CHILDREN):
        killed = product.kill_child(name)
        product.wait_for_new_child(name, killed)

    wait_until(lambda: product.get("/readyz")[0] == 200, 60, "the product is not ready again")


def test_manage_py_in_another_terminal_finds_the_running_product(product):
    assert "No changes detected" in product.manage("makemigrations", "--check", "--dry-run")
    assert product.manage("showmigrations", "subscribers").count("[X]") >= 1


def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_start_works(start_product):
    product = start_product()
    children = product.children()

    os.kill(product.pid, signal.SIGKILL)

    wait_until(lambda: not any(alive(pid) for pid in children.values()), 20, "children live on")
    product.end()
    product.start()
    assert product.get("/readyz")[0] == 200


def refusal(product, **settings: str) -> str:
    """What a start with other settings than those of a running product says before it gives up."""
    done = subprocess.run(
        [sys.executable, "manage.py", "runpbx"],
        env={**product.environment, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_start_that_cannot_be_says_which_setting_is_at_fault(product, tmp_path):
    with_other_ports = {
        "PBX_HTTP": f"127.0.0.1:{free_port()}",
        "PBX_SIP": f"127.0.0.1:{free_port(udp=True)}",
    }
    said = refusal(product)
    assert f"PBX_HTTP is '127.0.0.1:{product.http_port}', and that cannot be used over TCP" in said
    assert f"PBX_SIP is '127.0.0.1:{product.sip_port}', and that cannot be used over" in said

    said = refusal(product, **with_other_ports)
    assert f"PBX_DATA_DIR is '{product.data}', which another bin/run uses" in said

    (tmp_path / "file").touch()
    said = refusal(product, **with_other_ports, PBX_DATA_DIR=str(tmp_path / "file"))
    assert "PBX_DATA_DIR" in said

    said = refusal(product, **with_other_ports, PBX_DATA_DIR=str(tmp_path / "other"), PBX_SIP_WORKERS="none")
    assert "PBX_SIP_WORKERS is 'none'; allowed is a whole number from 1 to 64" in said


@pytest.mark.parametrize("name", ["PBX_HOLD", "PBX_PUSH_HTTP_URL"])
def test_a_part_that_refuses_its_settings_ends_the_start(start_product, name):
    """The SIP worker and the system checks of Django judge what the supervisor does not know."""
    product = start_product(environment={name: "nonsense"}, until_ready=False)

    product.wait_for_log(rf"{name} is 'nonsense'; allowed (is|are)", 60)

    assert product.wait_for_end() == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("PBX_FCM_CREDENTIALS", r"PBX_FCM_CREDENTIALS names a file, which cannot be read: No such file"),
        ("PBX_APNS_KEY", r"PBX_APNS_KEY names a file, which cannot be read: No such file"),
        ("PBX_VAPID_KEY", r"PBX_VAPID_KEY (names a file, which cannot be read|cannot be used; allowed is)"),
    ],
)
def test_push_credentials_that_cannot_be_used_end_the_start(start_product, name, sentence):
    product = start_product(environment={name: "nonsense"}, until_ready=False)

    product.wait_for_log(sentence, 60)

    assert product.wait_for_end() == 1
