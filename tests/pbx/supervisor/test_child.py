from __future__ import annotations

import pytest

from pbx.supervisor.child import BACK_OFF, LONGEST_LINE, STEADY_SECONDS, Child, ChildSpec


class EndedProcess:
    returncode = 1

    def poll(self):
        return self.returncode


def child(**more) -> Child:
    return Child(ChildSpec(name="fake", argv=("fake",), **more))


def ends(one: Child, *, started: float, ended: float, restart: bool = True) -> None:
    one.process, one._started_at = EndedProcess(), started
    assert one.reap(ended, restart=restart)


@pytest.mark.parametrize(
    ("_case", "reads", "lines"),
    [
        ("two lines in one read", [b"one\ntwo\n"], ["one", "two"]),
        ("a line in two reads", [b"on", b"e\n"], ["one"]),
        ("no newline at the end", [b"one", b""], ["one"]),
        ("a carriage return", [b"one\r\n"], ["one"]),
        ("an empty line", [b"\n\none\n"], ["one"]),
        ("not UTF-8", [b"\xff\n"], ["\ufffd"]),
        ("a character in two reads", [b"\xec\xa0", b"\x84\n"], ["전"]),
        ("a line without an end", [b"x" * (LONGEST_LINE + 1)], ["x" * (LONGEST_LINE + 1)]),
    ],
)
def test_output_becomes_lines(_case, reads, lines):
    one = child()

    assert [line for data in reads for line in one.lines(data)] == lines


def test_each_death_in_a_row_waits_longer_up_to_half_a_minute():
    one, waits = child(), []
    for _ in range(len(BACK_OFF) + 2):
        ends(one, started=100.0, ended=101.0)
        waits.append(one.restart_at - 101.0)

    assert waits == [*BACK_OFF, 30.0, 30.0]


def test_a_child_that_had_run_steadily_is_started_again_soon():
    one = child()
    for _ in range(5):
        ends(one, started=0.0, ended=1.0)

    ends(one, started=100.0, ended=100.0 + STEADY_SECONDS)

    assert one.restart_at == 100.0 + STEADY_SECONDS + BACK_OFF[0]


@pytest.mark.parametrize(("once", "restart"), [(True, True), (False, False)])
def test_a_child_that_was_to_end_is_not_started_again(once, restart):
    one = child(once=once)

    ends(one, started=0.0, ended=1.0, restart=restart)

    assert one.restart_at is None


def test_secrets_of_the_environment_are_not_shown():
    assert "swordfish" not in repr(ChildSpec(name="x", argv=(), environment={"SECRET_KEY": "swordfish"}))
