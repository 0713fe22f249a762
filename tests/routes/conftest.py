"""What every scenario of a script has to prove beside its own point: that it leaves nothing in memory."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from sipcore.calls.live_call import LiveCall
from sipcore.ebr.subscription import Subscription
from sipcore.proxy import Branch, ServerRequest
from sipcore.proxy.dialog_relay import DialogRelay
from sipcore.proxy.response_context import ResponseContext
from sipcore.script.request import RequestContext
from sipcore.script.transaction import TransactionRef
from sipcore.transaction import ClientTransaction, ServerTransaction

OF_A_REQUEST = (
    *(Branch, ClientTransaction, DialogRelay, LiveCall, RequestContext, ResponseContext),
    *(ServerRequest, ServerTransaction, Subscription, TransactionRef),
)


@pytest.fixture(autouse=True)
def nothing_is_left_to_the_collector(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """A worker hardly ever looks for cycles of references: what is over must go by itself, or it stays for hours."""
    if request.node.get_closest_marker("ends_midway"):
        yield
        return
    gc.collect()
    gc.freeze()  # so that only what the scenario makes is looked through
    gc.disable()
    try:
        yield
        caplog.get_records("call").clear()  # a traceback that was logged has the frames of the script
        left = Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, OF_A_REQUEST))
    finally:
        gc.enable()
        gc.unfreeze()
    assert not left
