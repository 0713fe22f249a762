from __future__ import annotations

from pathlib import Path

import pytest

from sipcore.script.__main__ import main

SHIPPED = Path(__file__).parents[3] / "sipcore" / "routes" / "pbx.py"


def test_a_good_script_is_told_by_its_routes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SHIPPED)]) == 0
    assert capsys.readouterr().out.startswith("pbx.py: routes for REGISTER, INVITE, OPTIONS, ")


def test_a_faulty_one_by_its_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "mine.py"
    script.write_text("import time\n\ntime.sleep(1)\n")

    assert main([str(script)]) == 1
    assert capsys.readouterr().err.startswith("mine.py, line 3: time.sleep stops every call")


def test_it_takes_one_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
