from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis import Redis

from .board_writer import BoardWriter


@pytest.fixture
def board(store: Redis) -> Iterator[BoardWriter]:
    """What a SIP worker writes, on an empty store."""
    writer = BoardWriter(settings.REDIS_URL)
    yield writer
    writer.redis.close()
