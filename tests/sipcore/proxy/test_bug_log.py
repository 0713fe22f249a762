"""Faults of our own, in the log."""

from __future__ import annotations

import pytest

from sipcore.proxy.bug_log import BugLog


def fail(bugs: BugLog, line: int = 1) -> None:
    """Raise at a line of a file of its own, and report that."""
    try:
        exec(compile("\n" * line + "1 / 0", "script", "exec"))
    except ZeroDivisionError:
        bugs.report()


def test_a_fault_is_logged_once_for_each_place(caplog: pytest.LogCaptureFixture) -> None:
    bugs = BugLog()

    for line in (1, 2, 1, 2, 2):
        fail(bugs, line)

    assert len(caplog.records) == len(bugs.places) == 2
    assert "ZeroDivisionError" in caplog.text


def test_what_is_remembered_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    bugs = BugLog()

    for line in range(150):
        fail(bugs, line)

    assert len(caplog.records) == len(bugs.places) == 100
