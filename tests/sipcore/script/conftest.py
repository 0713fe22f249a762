from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from sipcore.contract.events import CATALOGUE
from sipcore.testing import World, pbx

from .scripted import HEAD, Start


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Start]:
    """A PBX with the script that is given, which all events above are known to."""
    before = dict(CATALOGUE)

    def start(text: str, **settings: Any) -> AbstractContextManager[World]:
        path = tmp_path / "routes.py"
        path.write_text(HEAD + text)
        return pbx(path, trusted_sources=("198.51.100.0/24",), **settings)

    yield start
    CATALOGUE.clear()
    CATALOGUE.update(before)
