"""What every test may ask for. Django is imported by those fixtures alone that need it: see `-p no:django`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

E2E = Path(__file__).parent / "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in tests/e2e is an end-to-end test, and may take its time."""
    for item in items:
        if item.path.is_relative_to(E2E):
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(120))


@pytest.fixture
def store() -> Iterator[Redis]:
    """The session's own Valkey, empty; answers are text."""
    client = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    client.flushall()
    yield client
    client.close()
