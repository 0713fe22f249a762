from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pbx.supervisor import host
from pbx.supervisor.configuration import Listener
from pbx.supervisor.errors import CannotStart
from tests.support.machine import free_port


@pytest.mark.parametrize(("kind", "over"), [(socket.SOCK_STREAM, "TCP"), (socket.SOCK_DGRAM, "UDP")])
def test_a_port_in_use_is_refused_with_its_setting(kind, over):
    port = free_port(udp=True)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            taken.listen(1)

        with pytest.raises(CannotStart) as refusal:
            host.check_ports([Listener("PBX_SIP", "127.0.0.1", port, udp=True)])

    assert str(refusal.value) == (
        f"PBX_SIP is '127.0.0.1:{port}', and that cannot be used over {over}: another program uses port {port}."
    )


def test_an_address_of_another_host_is_refused():
    with pytest.raises(CannotStart, match=r"PBX_HTTP is '192.0.2.7:8000', .*this host has no address 192.0.2.7"):
        host.check_ports([Listener("PBX_HTTP", "192.0.2.7", 8000)])


def test_free_ports_stay_free():
    listener = Listener("PBX_SIP", "127.0.0.1", free_port(udp=True), udp=True)

    host.check_ports([listener])
    host.check_ports([listener])


def test_a_full_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "LEAST_ROOM", 2**60)

    with pytest.raises(CannotStart, match=r"PBX_DATA_DIR is '.*', where \d+ MB are free; at least"):
        host.check_room(tmp_path)


def test_the_realm_of_the_first_start_is_kept_when_the_address_changes(layout, monkeypatch):
    everywhere = Listener("PBX_SIP", "0.0.0.0", 5060, udp=True)
    monkeypatch.setattr(host, "own_address", lambda: "192.0.2.10")
    monkeypatch.setattr(socket, "gethostname", lambda: "Desk")
    assert host.own_domains(layout, everywhere) == ("192.0.2.10", "desk", "localhost")

    monkeypatch.setattr(host, "own_address", lambda: "192.0.2.20")
    assert host.own_domains(layout, everywhere) == ("192.0.2.10", "192.0.2.20", "desk", "localhost")


def test_a_listener_at_one_address_is_its_own_domain(layout):
    assert host.own_domains(layout, Listener("PBX_SIP", "127.0.0.1", 5060))[0] == "127.0.0.1"


def test_the_data_directory_is_locked_while_it_is_used(layout):
    held = host.lock(layout)

    assert host.lock(layout, wait=0) is None
    os.close(held)
    again = host.lock(layout, wait=0)
    assert again is not None
    os.close(again)


def test_a_lock_is_awaited_while_servers_of_a_killed_supervisor_end(layout):
    """The child has inherited the lock and ends soon; the one that took it has died."""
    program = (
        "import subprocess, sys; from pathlib import Path\n"
        "from pbx.supervisor import host; from pbx.supervisor.layout import Layout\n"
        "lock = host.lock(Layout(Path(sys.argv[1])))\n"
        "subprocess.Popen(['/bin/sleep', '0.5'], pass_fds=(lock,))\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", program, str(layout.data)], check=True, cwd=root)
    assert host.lock(layout, wait=0) is None

    held = host.lock(layout, wait=20)

    assert held is not None
    os.close(held)
