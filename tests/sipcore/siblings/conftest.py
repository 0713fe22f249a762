"""Real sockets between siblings, on both event loops."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request):
    """The loops a worker may run on."""
    return ("asyncio", {"use_uvloop": request.param == "uvloop"})
