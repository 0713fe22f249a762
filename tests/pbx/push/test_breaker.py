"""When a provider counts as down, and how it is given another chance."""

from pbx.push.breaker import LEAST, PROBE_SECONDS, WINDOW_SECONDS, Breaker


def after(*results: bool, every: float = 0.1) -> Breaker:
    """A breaker that has seen these results (True: the provider is down), the last at time 0."""
    breaker = Breaker()
    for age, down in zip(range(len(results) - 1, -1, -1), results, strict=True):
        breaker.record(down=down, now=-age * every)
    return breaker


def test_a_few_failures_prove_nothing():
    assert after(*[True] * (LEAST - 1)).allows(0.0)


def test_it_opens_when_half_of_the_recent_tries_failed():
    breaker = after(False, False, False, True, True, True)

    assert breaker.is_open
    assert not breaker.allows(0.1)


def test_it_stays_closed_while_most_tries_succeed():
    assert not after(False, False, False, False, True, True, True).is_open


def test_failures_of_long_ago_do_not_count():
    assert not after(*[True] * LEAST, every=WINDOW_SECONDS / 2).is_open


def test_an_open_breaker_lets_one_probe_through_at_a_time():
    breaker = after(*[True] * LEAST)

    tries = [breaker.allows(PROBE_SECONDS), breaker.allows(PROBE_SECONDS), breaker.allows(2 * PROBE_SECONDS)]

    assert tries == [True, False, True]


def test_a_probe_that_succeeds_closes_it_and_forgets_the_failures():
    breaker = after(*[True] * LEAST)
    breaker.allows(PROBE_SECONDS)

    breaker.record(down=False, now=PROBE_SECONDS)
    breaker.record(down=True, now=PROBE_SECONDS)

    assert not breaker.is_open


def test_a_probe_that_fails_leaves_it_open():
    breaker = after(*[True] * LEAST)
    breaker.allows(PROBE_SECONDS)

    breaker.record(down=True, now=PROBE_SECONDS)

    assert not breaker.allows(PROBE_SECONDS + 1)
