import pytest

from pbx.dashboard.origin import is_same_origin


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://pbx.test:8000", "pbx.test:8000", True),
        ("https://pbx.test", "pbx.test", True),
        ("https://pbx.test", "pbx.test:443", True),
        ("http://PBX.test", "pbx.TEST", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://pbx.test:3000", "pbx.test:8000", False),
        ("https://evil.test", "pbx.test", False),
        ("https://pbx.test.evil.test", "pbx.test", False),
        ("https://evil.test@pbx.test.evil.test", "pbx.test", False),
        ("null", "pbx.test", False),
        ("file://", "", False),
        ("http://pbx.test:port", "pbx.test", False),
        ("http://", "", False),
    ],
)
def test_a_page_is_ours_when_it_has_the_host_that_was_asked_for(origin, host, same):
    assert is_same_origin(origin, host) is same
