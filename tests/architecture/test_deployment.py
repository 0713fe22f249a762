"""docker-compose.yml and the Dockerfile start what `manage.py runpbx` starts."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from pbx.supervisor import product
from pbx.supervisor.configuration import Configuration

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
PARTS = ("web", "celery", "beat", "sip")


def supervised() -> dict[str, tuple[str, ...]]:
    """The command lines of the supervisor's children; the interpreter and what silences it aside."""
    configuration = Configuration.from_environment({}, Path("/data"))
    specs = product.parts(configuration, {}, {})
    return {spec.name: after_python(spec.argv) for spec in specs}


def after_python(argv) -> tuple[str, ...]:
    argv = list(argv)
    assert argv.pop(0) in ("python", sys.executable)
    if argv[0] == "-W":  # in a container nobody is root
        del argv[:2]
    return tuple(argv)


def test_there_is_a_real_postgres_and_redis_and_each_part_by_itself():
    assert set(SERVICES) == {"postgres", "redis", "migrate", *PARTS}
    assert SERVICES["postgres"]["image"].startswith("postgres:")
    assert SERVICES["redis"]["image"].startswith("redis:")


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_started_as_the_supervisor_starts_it(name):
    assert after_python(SERVICES[name]["command"]) == supervised()[name]


def test_the_one_shot_service_prepares_and_the_parts_wait_for_it():
    assert after_python(SERVICES["migrate"]["command"])[-1] == product.preparation({}, {}).argv[2] == "prepare"
    assert set(SERVICES["migrate"]["depends_on"]) == {"postgres", "redis"}
    for name in PARTS:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_the_servers_are_reached_by_the_sockets_of_their_volumes_alone():
    environment = SERVICES["web"]["environment"]
    postgres = re.search(r"host=(\S+)", environment["DATABASE_URL"])[1]
    redis = re.match(r"unix://([^?]+)", environment["REDIS_URL"])[1]

    for server, directory in (("postgres", postgres), ("redis", str(Path(redis).parent))):
        assert SERVICES[server]["network_mode"] == "none"
        assert "ports" not in SERVICES[server]
        assert f"{server}-socket:{directory}" in SERVICES[server]["volumes"]
        assert f"{server}-socket:{directory}" in SERVICES["celery"]["volumes"]
    assert f"--unixsocket {redis}" in SERVICES["redis"]["command"]
    assert SERVICES["sip"]["environment"]["REDIS_URL"] == environment["REDIS_URL"]


def test_a_sip_worker_is_given_no_keys():
    sip = SERVICES["sip"]

    assert {sip["environment"][name] for name in product.NOT_FOR_SIP} == {""}
    assert [sip["environment"][name] for name in product.SET_FOR_SIP] == [
        f"${{{name}:+set}}" for name in product.SET_FOR_SIP
    ]
    assert not any("postgres" in volume or volume.startswith("data:") for volume in sip["volumes"])


def test_sip_workers_behind_one_port_meet_in_a_volume_of_their_own():
    sip = SERVICES["sip"]
    directory = sip["environment"]["PBX_SIP_SIBLINGS"]

    assert sip["scale"] == "${PBX_SIP_WORKERS:-1}"
    assert sip["environment"]["PBX_WORKER_ID"] == "", "one name for all would be nobody's"
    assert f"siblings:{directory}" in sip["volumes"]
    assert directory in [word for run in dockerfile("RUN") for word in run]


def test_every_volume_is_declared():
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]}

    assert used == set(COMPOSE["volumes"])


def dockerfile(instruction: str) -> list[list[str]]:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith(f"{instruction} ")]


def test_what_the_image_copies_exists_and_is_sent_to_the_builder():
    sources = {source for copied in dockerfile("COPY") for source in copied[:-1]}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert [source for source in sorted(sources) if not (ROOT / source).exists()] == []
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    assert "*" in ignored


def test_the_image_alone_runs_the_whole_product_and_not_as_root():
    command = re.search(r"^CMD (.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert json.loads(command) == ["python", "manage.py", "runpbx"]
    assert dockerfile("USER") == [["pbx"]]
    assert dockerfile("ENV")[0][0] == "PBX_DATA_DIR=/data"
