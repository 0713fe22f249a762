"""Where both sides look for Celery's broker."""

import pytest

from sipcore.contract.broker import broker_beside


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://host:6379/0", "redis://host:6379/1"),
        ("rediss://user:pw@host:6379/4?ssl_cert_reqs=none", "rediss://user:pw@host:6379/5?ssl_cert_reqs=none"),
        ("redis://host", "redis://host/1"),
        ("redis://host?db=3", "redis://host/4"),
        ("unix:///run/r.sock", "redis+socket:///run/r.sock?virtual_host=1"),
        ("unix://:pw@/run/r.sock?db=2", "redis+socket://:pw@/run/r.sock?virtual_host=3"),
    ],
)
def test_the_broker_is_the_next_database_of_the_same_server(redis_url, broker_url):
    assert broker_beside(redis_url) == broker_url
