"""The 49 messages of RFC 4475, where a copy of them is at hand: they are the RFC's, and not part of this project.

Looked for in `../shared/data/rfc4475` beside the checkout, or where PBX_RFC4475_DIR says; PBX_TEST_RFC4475_DIR says the same
where the settings of a product beside the tests are kept away from them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .judge import judge

BESIDE = Path(__file__).parents[2].resolve().parent / "shared" / "data" / "rfc4475"
FOLDER = Path(os.environ.get("PBX_TEST_RFC4475_DIR") or os.environ.get("PBX_RFC4475_DIR") or BESIDE)

EXPECTED = [
    # 3.1.1 valid, however odd
    ("wsinv", "routed"),
    ("intmeth", "routed"),
    ("esc01", "routed"),
    ("escnull", "registered"),
    ("esc02", "routed"),  # RE%47IST%45R is a method of its own, not REGISTER
    ("lwsdisp", "routed"),
    ("longreq", "routed"),
    ("dblreq", "registered"),  # what follows the body is not looked at
    ("semiuri", "routed"),
    ("transports", "routed"),
    ("mpart01", "routed"),
    ("unreason", "response"),
    ("noreason", "response"),
    # 3.1.2 invalid
    ("badinv01", "answered 400"),
    ("clerr", "answered 400"),
    ("ncl", "answered 400"),
    ("scalar02", "answered 400"),
    ("scalarlg", "dropped"),
    ("quotbal", "answered 400"),
    ("ltgtruri", "answered 400"),
    ("lwsruri", "answered 400"),
    ("lwsstart", "answered 400"),
    ("trws", "answered 400"),
    ("escruri", "answered 400"),
    ("baddate", "routed"),  # Date means nothing to a proxy
    ("regbadct", "answered 400"),
    ("badaspec", "answered 400"),
    ("baddn", "answered 400"),
    ("badvers", "answered 505"),
    ("mismatch01", "answered 400"),
    ("mismatch02", "answered 400"),  # 501 is for servers: a proxy forwards methods it does not know
    ("bigcode", "dropped"),
    # 3.2 the transaction layer
    ("badbranch", "routed"),
    # 3.3 applications
    ("insuf", "answered 400"),
    ("unkscm", "answered 416"),
    ("novelsc", "answered 416"),
    ("unksm2", "answered 400"),
    ("bext01", "answered 420"),
    ("invut", "routed"),  # what a body means is between the ends
    ("regaut01", "registered"),  # its Authorization is of an unknown scheme: the script will challenge
    ("multi01", "answered 400"),
    ("mcl01", "answered 400"),
    ("bcast", "response"),  # and forwarded to nobody, for no transaction of ours has that branch
    (
        "zeromf",
        "routed",
    ),  # an OPTIONS to a domain of ours may be answered in the place of the phone (RFC 3261 §16.3 step 3)
    ("cparam01", "registered"),
    ("cparam02", "registered"),
    ("regescrt", "registered"),
    ("sdp01", "routed"),
    # 3.4 backward compatibility
    ("inv2543", "routed"),
]


def test_each_message_of_the_rfc_is_listed_once():
    assert len({name for name, _ in EXPECTED}) == len(EXPECTED) == 49
    if FOLDER.is_dir():
        assert {path.stem for path in FOLDER.glob("*.dat")} == {name for name, _ in EXPECTED}


@pytest.mark.parametrize(("name", "verdict"), EXPECTED)
def test_a_message_of_rfc_4475_gets_what_it_deserves(name, verdict):
    path = FOLDER / f"{name}.dat"
    if not path.is_file():
        pytest.skip(f"{name}.dat is not at {FOLDER}")

    assert judge(path.read_bytes()) == verdict
