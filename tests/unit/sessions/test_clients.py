"""Where a request came from, with whatever a client may write into a header."""

from ipaddress import ip_network

import pytest
from heliostat_sessions.domain.clients import build_rate_key, find_client_ip
from hypothesis import given
from hypothesis import strategies as st

TRUSTED = [ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("10.0.0.0/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
        ("::1", "2001:db8::5", "2001:db8::5"),
        ("::ffff:127.0.0.1", "198.51.100.1, ::ffff:10.0.0.3", "198.51.100.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_only_what_a_trusted_proxy_says_is_believed(peer: str, forwarded: str | None, client: str) -> None:
    assert find_client_ip(peer, forwarded, trusted=TRUSTED) == client


@given(written=st.text(max_size=60))
def test_what_a_client_writes_never_stands_in_for_its_address(written: str) -> None:
    assert find_client_ip("127.0.0.1", f"{written}, 198.51.100.1", trusted=TRUSTED) == "198.51.100.1"


def test_one_subscriber_is_one_client() -> None:
    assert build_rate_key("2001:db8:1:2:3:4:5:6") == build_rate_key("2001:db8:1:2::9")
    assert build_rate_key("2001:db8:1:2::9") != build_rate_key("2001:db8:1:3::9")
    assert build_rate_key("::ffff:198.51.100.1") == build_rate_key("198.51.100.1")
