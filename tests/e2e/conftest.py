"""One product for all end-to-end tests, with short windows, and phones that several tests use one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.product import ProductUnderTest

from .clients.baresip import Baresip
from .clients.linphone import Linphone
from .exchange import Exchange

WAKE_SECONDS = 8  # long enough for a phone that starts two seconds after its push, on a slow machine
RING_SECONDS = 10


def running_product(factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ProductUnderTest]:
    """A product while it is iterated over, with short windows."""
    cache = request.config.cache.mkdir("static") if request.config.cache is not None else None
    running = ProductUnderTest(
        factory.mktemp("product"),
        environment={"PBX_WAKE_SECONDS": str(WAKE_SECONDS), "PBX_RING_SECONDS": str(RING_SECONDS)},
        static_cache=cache,
    )
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ProductUnderTest]:
    """The whole product, as everywhere, but a call that nobody answers ends soon."""
    yield from running_product(tmp_path_factory, request)


@pytest.fixture(scope="session")
def whole_session(product: ProductUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """The people, and those phones that live as long as the session."""
    exchange = Exchange(product, tmp_path_factory.mktemp("phones"))
    yield exchange
    exchange.stop_phones()


@pytest.fixture
def exchange(whole_session: Exchange) -> Iterator[Exchange]:
    """People and phones of one test; the phones end with it."""
    mine = whole_session.for_one_test()
    yield mine
    mine.stop_phones()


@pytest.fixture(scope="session")
def _udp_baresip(whole_session: Exchange) -> Baresip:
    return whole_session.baresip(whole_session.person())


@pytest.fixture(scope="session")
def _other_udp_baresip(whole_session: Exchange) -> Baresip:
    return whole_session.baresip(whole_session.person())


@pytest.fixture(scope="session")
def _tcp_baresip(whole_session: Exchange) -> Baresip:
    return whole_session.baresip(whole_session.person(), transport="tcp")


@pytest.fixture(scope="session")
def _linphone(whole_session: Exchange) -> Linphone:
    return whole_session.linphone(whole_session.person())


@pytest.fixture
def udp_baresip(_udp_baresip: Baresip) -> Iterator[Baresip]:
    """A registered baresip over UDP that has no call."""
    yield _udp_baresip
    _udp_baresip.forget()


@pytest.fixture
def other_udp_baresip(_other_udp_baresip: Baresip) -> Iterator[Baresip]:
    """Another one."""
    yield _other_udp_baresip
    _other_udp_baresip.forget()


@pytest.fixture
def tcp_baresip(_tcp_baresip: Baresip) -> Iterator[Baresip]:
    """A registered baresip over TCP that has no call."""
    yield _tcp_baresip
    _tcp_baresip.forget()


@pytest.fixture
def linphone(_linphone: Linphone) -> Iterator[Linphone]:
    """A registered linphone that has no call."""
    yield _linphone
    _linphone.forget()
