"""What every test may ask for. Django is imported by those fixtures alone that need it: see `-p no:django`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from redis import Redis

from tests.support.product import ProductUnderTest

E2E = Path(__file__).parent / "e2e"

# How long one example takes says something about the machine, and nothing about the code.
hypothesis.settings.register_profile("pbx", deadline=None)
hypothesis.settings.load_profile("pbx")


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


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ProductUnderTest]:
    """The whole product, started once for the session; make subscribers of your own, and leave it running."""
    running = _product(tmp_path_factory, request)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def start_product(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[..., ProductUnderTest]]:
    """Starts products of the test's own: `start_product(environment={...}, arguments=[...])`; they are ended with it."""
    started: list[ProductUnderTest] = []

    def start(*, until_ready: bool = True, **wishes: object) -> ProductUnderTest:
        started.append(_product(tmp_path_factory, request, **wishes))
        return started[-1].start(until_ready=until_ready)

    yield start
    for each in started:
        each.stop()


def _product(factory: pytest.TempPathFactory, request: pytest.FixtureRequest, **wishes: object) -> ProductUnderTest:
    cache = request.config.cache.mkdir("static") if request.config.cache is not None else None
    return ProductUnderTest(factory.mktemp("product"), static_cache=cache, **wishes)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With a failure, what the product said."""
    report = yield
    if report.failed:
        product = getattr(item, "funcargs", {}).get("product")
        if isinstance(product, ProductUnderTest):
            report.sections.append(("log of the product", product.log_tail()))
    return report
