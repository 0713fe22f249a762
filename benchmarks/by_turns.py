"""Two checkouts of this project side by side: is a call through the core cheaper in the second?

    git worktree add /somewhere/else main
    python benchmarks/by_turns.py /somewhere/else . [slices]

Both run in processes of their own, which take turns of 20 calls, a few milliseconds each. So whatever else the machine does strikes
both alike, and the best slice of each was hardly disturbed: differences of two percent show where two runs of `core.py`, one
after the other, differ by a third. Each checkout is measured by its own `benchmarks/core.py`, with this interpreter.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

CALLS = 20
PLAY = f"""
import gc, itertools, sys, time
sys.path[:0] = ["benchmarks", "."]
import core
bench, numbers = core.Bench(), itertools.count()
for _ in range(300):
    bench.call(next(numbers))
gc.collect()
gc.freeze()
gc.set_threshold(50_000)
for _ in sys.stdin:
    bench.spent = 0.0
    for _ in range({CALLS}):
        bench.call(next(numbers))
        bench.now += 0.001
        begin = time.perf_counter()
        bench.core.handle_timer(bench.now)
        bench.spent += time.perf_counter() - begin
    print(bench.spent / {CALLS} * 1e6, flush=True)
"""


class Player:
    """One checkout, in a process that plays a slice when it is told to."""

    def __init__(self, checkout: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PLAY], cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.micros: list[float] = []

    def play(self) -> None:
        """One slice."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        self.micros.append(float(process.stdout.readline()))

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    """Play, and print what a call costs in each, and the ratio."""
    checkouts = [Path(name) for name in sys.argv[1:3]]
    slices = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    players = [Player(checkout) for checkout in checkouts]
    for _ in range(slices):
        for player in players:
            player.play()
    for checkout, player in zip(checkouts, players, strict=True):
        player.stop()
        print(f"{checkout}: best {min(player.micros):.1f} µs, median {statistics.median(player.micros):.1f} µs a call")
    first, second = (player.micros for player in players)
    pairs = statistics.median(b / a for a, b in zip(first, second, strict=True))
    print(f"second to first: {min(second) / min(first):.3f} of the best, {pairs:.3f} at the median of the pairs")


if __name__ == "__main__":
    main()
