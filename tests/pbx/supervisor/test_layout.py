from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from pbx import env
from pbx.supervisor.errors import CannotStart
from pbx.supervisor.layout import SUN_PATH, Layout
from sipcore.contract.broker import broker_beside


@pytest.fixture
def long(tmp_path):
    """A data directory whose name leaves no room for a socket's."""
    layout = Layout(tmp_path / ("x" * 120))
    yield layout
    shutil.rmtree(layout.sockets, ignore_errors=True)


def test_sockets_lie_beside_the_data():
    assert Layout(Path("/srv/pbx")).valkey_socket == Path("/srv/pbx/run/valkey.sock")


def test_sockets_of_a_directory_with_a_long_name_still_fit(long):
    long.make()

    assert len(os.fsencode(f"{long.postgres_sockets}/.s.PGSQL.5432")) <= SUN_PATH
    assert Layout(long.data).sockets == long.sockets, "manage.py in another terminal must find them"
    assert Layout(long.data.with_name("y" * 120)).sockets != long.sockets


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_socket_directory_of_somebody_else_is_refused(long):
    long.sockets.mkdir()
    os.chown(long.sockets, 65534, 65534)

    with pytest.raises(CannotStart, match="belongs to somebody else"):
        long.make()


def test_a_socket_directory_that_is_a_link_is_refused(long, tmp_path):
    long.sockets.symlink_to(tmp_path)

    with pytest.raises(CannotStart, match="belongs to somebody else"):
        long.make()
    long.sockets.unlink()


def test_what_is_made_is_private(layout):
    for place in (layout.postgres, layout.valkey, layout.logs, layout.sockets, layout.postgres_sockets):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(CannotStart, match=r"PBX_DATA_DIR is '.*/file/var', which cannot be written: Not a directory"):
        Layout(tmp_path / "file" / "var").make()


def test_addresses_are_understood_by_those_who_read_them():
    layout = Layout(Path("/srv/my pbx"))

    database = env.database(layout.database_url)
    assert (database["HOST"], database["USER"], database["NAME"]) == ("/srv/my pbx/run/pg", "pbx", "pbx")
    assert broker_beside(layout.redis_url) == layout.broker_url
