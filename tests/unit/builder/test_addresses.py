"""Which addresses repositories may be fetched from."""

from ipaddress import ip_address, ip_network

import pytest
from heliostat_builder.errors import AddressRefusedError, RepositoryNotFoundError
from heliostat_builder.storage.addresses import AddressGuard

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 an address, nothing is bound to it
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "64:ff9b:1::7f00:1",
    "::7f00:1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_on_the_public_internet_is_refused(address):
    assert not AddressGuard(allowed=()).allows(ip_address(address))


@pytest.mark.parametrize("address", ["140.82.121.4", "2606:50c0:8000::153", "::ffff:140.82.121.4"])
def test_public_addresses_are_allowed(address):
    assert AddressGuard(allowed=()).allows(ip_address(address))


def test_the_operator_can_allow_a_network_and_nothing_beside_it():
    guard = AddressGuard(allowed=(ip_network("10.1.0.0/16"),))
    assert guard.allows(ip_address("10.1.2.3"))
    assert guard.allows(ip_address("::ffff:10.1.2.3"))
    assert not guard.allows(ip_address("10.2.0.1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://2130706433/x",
        "http://0x7f000001/x",
        "http://127.1/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]:80/x",
        "http://localhost/x",
        "git+http://127.0.0.1/x",
    ],
)
async def test_every_way_to_write_loopback_is_seen_through(url):
    with pytest.raises(AddressRefusedError):
        await AddressGuard(allowed=()).pin(url)


async def test_the_checked_address_is_the_one_git_is_held_to():
    guard = AddressGuard(allowed=(ip_network("127.0.0.0/8"),))
    assert (await guard.pin("http://127.0.0.1:8080/x")).curl_resolve == "127.0.0.1:8080:127.0.0.1"


async def test_a_host_that_does_not_exist_is_no_repository():
    with pytest.raises(RepositoryNotFoundError):
        await AddressGuard(allowed=()).pin("https://nowhere.invalid/x")
