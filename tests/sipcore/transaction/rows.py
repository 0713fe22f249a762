"""That the cases of a machine walk through its whole table, and that what is not in the table changes nothing."""

from __future__ import annotations

from sipcore.transaction.machine import Input, Machine, State


def rows_walked(monkeypatch, play) -> set[tuple[State, Input]]:
    """Which rows of the tables `play()` steps on."""
    walked = set()
    step = Machine.step

    def recording_step(self, given, now, message=None):
        if (self.state, given) in self.TABLE:
            walked.add((type(self), self.state, given))
        step(self, given, now, message)

    monkeypatch.setattr(Machine, "step", recording_step)
    play()
    return walked


def missing_rows(machine: type[Machine]) -> list[tuple[State, Input]]:
    """Every pair of state and input that the machine absorbs."""
    states = {state for state, _ in machine.TABLE} | {State.TERMINATED}
    return sorted((state, given) for state in states for given in Input if (state, given) not in machine.TABLE)
