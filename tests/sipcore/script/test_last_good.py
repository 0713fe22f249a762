from __future__ import annotations

from pathlib import Path

import pytest

from sipcore.errors import ScriptError
from sipcore.script.last_good import LastGood

GOOD = """
from sipcore.script import request_route

@request_route("{method}")
async def route(request):
    request.reply(404)
"""


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return path


def test_a_worker_that_starts_with_a_faulty_script_goes_on_with_what_was_good_last(tmp_path: Path) -> None:
    path, kept = script(tmp_path, GOOD.format(method="INVITE")), tmp_path / "var" / "routes"
    assert LastGood(path, kept).load_at_start()[1] is None
    path.write_text(GOOD.format(method="OPTIONS"))
    LastGood(path, kept).load()
    path.write_text("1 / 0")

    routes, fault = LastGood(path, kept).load_at_start()

    assert list(routes.requests) == ["OPTIONS"]
    assert str(fault) == "mine.py, line 1: ZeroDivisionError: division by zero"
    with pytest.raises(ScriptError):
        LastGood(path, kept).load()
    assert len(list(kept.iterdir())) == 1, "nothing is left of the writing"


def test_without_anything_that_was_good_the_fault_is_raised(tmp_path: Path) -> None:
    path = script(tmp_path, "1 / 0")
    for directory in (None, tmp_path / "var"):
        with pytest.raises(ScriptError, match="ZeroDivisionError"):
            LastGood(path, directory).load_at_start()


def test_what_was_good_of_another_script_is_none_of_this_ones(tmp_path: Path) -> None:
    kept = tmp_path / "var"
    LastGood(script(tmp_path, GOOD.format(method="INVITE")), kept).load()
    (tmp_path / "other").mkdir()

    with pytest.raises(ScriptError, match="ZeroDivisionError"):
        LastGood(script(tmp_path / "other", "1 / 0"), kept).load_at_start()


def test_a_directory_that_cannot_be_written_keeps_nobody_from_serving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")

    assert LastGood(script(tmp_path, GOOD.format(method="INVITE")), tmp_path / "file" / "routes").load().requests
    assert "is not kept for a restart" in caplog.text
