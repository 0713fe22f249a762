from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from sipcore.watchdog import BLOCKED_AFTER, Standstill, Watchdog, place_in


class Loop:
    """A loop that gives its sign of life when the test says so, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[Callable[[], None]] = []
        self.told: list[Standstill] = []
        self.watchdog = Watchdog(
            self.asked.append, self.told.append, script=lambda: __file__, now=lambda: self.now, frame=sys._getframe
        )

    def look(self, after: float = 0.1) -> None:
        self.now += after
        self.watchdog.look()

    def serve(self, after: float = 0.0) -> None:
        self.now += after
        asked, self.asked[:] = list(self.asked), []
        for sign in asked:
            sign()


def test_a_loop_that_moves_on_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    for _ in range(20):
        loop.look()
        loop.serve(0.05)

    assert (loop.told, caplog.records) == ([], [])


def test_one_sign_is_asked_for_at_a_time() -> None:
    loop = Loop()
    for _ in range(50):
        loop.look()

    assert len(loop.asked) == 1


@pytest.mark.acceptance("H105")
def test_a_loop_that_stands_still_is_told_of_at_once_and_when_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    loop.look()
    loop.look(BLOCKED_AFTER)
    loop.look()

    [said] = caplog.messages
    assert said.startswith(f"the worker stands still and serves no call: {__file__}, line ")
    assert loop.told == [], "the loop cannot tell anybody yet"

    loop.serve(4.4)
    [standstill] = loop.told
    assert standstill.seconds == pytest.approx(5.0)
    assert standstill.file == __file__

    loop.look()
    loop.serve()
    assert len(loop.told) == len(caplog.records) == 1, "it is told of once"


def test_one_that_went_on_before_it_was_looked_at_is_told_of_without_its_place() -> None:
    loop = Loop()
    loop.look()
    loop.serve(0.7)

    [standstill] = loop.told
    assert (standstill.seconds, standstill.file, standstill.line) == (pytest.approx(0.7), "", 0)


def test_the_place_is_the_scripts_and_not_that_of_what_it_called() -> None:
    def route():
        return sorted([1], key=lambda _: inner(sys._getframe()))

    found = []

    def inner(frame):
        code = compile("def elsewhere(f, g): return g(f())", "library.py", "exec")
        namespace: dict = {}
        exec(code, namespace)
        namespace["elsewhere"](sys._getframe, lambda _: found.append(place_in(sys._getframe().f_back, __file__)))
        return 0

    route()
    [(file, line, function)] = found
    assert (file, function) == (__file__, "inner")
    assert line > 0
    assert place_in(None, "x.py") == ("", 0, "")


def test_where_no_script_is_running_the_innermost_place_is_named() -> None:
    assert place_in(sys._getframe(), "routes.py")[0] == __file__
