"""The SIP side is typed as strictly as mypy can ask for; what is excepted, and why, is in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .source import ROOT

WRONG = {
    "no-untyped-def": "def of(flow): return flow.port",
    "return-value": "def port(text: str) -> int: return text",
    "union-attr": "def tag(request: Request | None) -> str: return request.to_tag",
    "possibly-undefined": "def found(text: str) -> str:\n    if text: name = text\n    return name",
}


def mypy(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it as configured; without a file over all of sipcore."""
    command = [sys.executable, "-m", "mypy", "--no-color-output", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.timeout(120)
def test_the_sip_side_has_no_error_of_type():
    checked = mypy()

    assert checked.returncode == 0, f"{checked.stdout}{checked.stderr}"
    assert "no issues found" in checked.stdout


@pytest.mark.timeout(120)
def test_errors_of_type_are_found(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from sipcore.syntax import Request\n" + "\n".join(WRONG.values()))

    checked = mypy("--cache-dir", tmp_path / "cache", wrong)  # the other test may be writing to the usual one

    assert checked.returncode == 1
    assert {kind for kind in WRONG if f"[{kind}]" in checked.stdout} == set(WRONG), checked.stdout
