from __future__ import annotations

import ast

import pytest

from sipcore.errors import ScriptError
from sipcore.script.blocking import check


@pytest.mark.acceptance("H105")
@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("import time\n\nasync def r(request):\n    time.sleep(5)", 4, "time.sleep .* use `await asyncio.sleep"),
        ("import time as t\nt.sleep(5)", 2, "time.sleep"),
        ("from time import sleep as pause\npause(5)", 2, "time.sleep"),
        ("from time import sleep\nlater = sleep", 2, "time.sleep"),
        ("def f():\n    import os\n    os.system('x')", 3, "os.system"),
        ("import requests", 1, "requests .* use an asynchronous HTTP client"),
        ("def f():\n    import requests.sessions", 2, "requests"),
        ("import socket", 1, "socket"),
        ("from subprocess import run", 1, "subprocess"),
        ("from urllib import request", 1, "urllib.request"),
        ("import urllib.request", 1, "urllib.request"),
        ("from http.client import HTTPConnection", 1, "http.client"),
        ("name = input()", 1, "input"),
    ],
)
def test_what_blocks_is_refused_with_its_line(source: str, line: int, message: str) -> None:
    with pytest.raises(ScriptError, match=message) as refused:
        check(ast.parse(source))

    assert refused.value.line == line


@pytest.mark.parametrize(
    "source",
    [
        "import time\nnow = time.time()",
        "from time import strftime",
        "import asyncio\nasync def r(request):\n    await asyncio.sleep(5)",
        "import urllib.parse\nurllib.parse.quote('x')",
        "from http import HTTPStatus",
        "async def r(request):\n    request.input = 1",
        "async def r(request):\n    input = request.request.body\n    print(input)",
        "def first(input):\n    return input[0]",
        "import datetime, os\nos.environ.get('X')",
    ],
)
def test_what_does_not_block_is_let_pass(source: str) -> None:
    check(ast.parse(source))
