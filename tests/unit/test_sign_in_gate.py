"""Who may connect: our own pages, as often as people do."""

import pytest

from allocation.sign_in.throttle import AT_ONCE, EACH_SECOND, MOST_ADDRESSES, Throttle, network_of
from pages.shared.gate import is_our_own, origin_of

BASE = "https://evenkeel.example.com"


@pytest.mark.parametrize("host", ["evenkeel.example.com", "127.0.0.1:8501", "10.0.0.7:8501"])
def test_behind_a_proxy_our_own_address_counts_whatever_host_the_proxy_names(host: str) -> None:
    assert is_our_own(BASE, host, f"{BASE}/", secure=False, this_machine_only=False)


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "http://evenkeel.example.com", f"{BASE}:8443", f"{BASE}.evil.com", "https://evil.example.com"],
)
def test_behind_a_proxy_no_other_address_counts(origin: str | None) -> None:
    assert not is_our_own(origin, "evenkeel.example.com", BASE, secure=True, this_machine_only=False)


def test_a_page_over_plain_http_may_not_connect_where_https_is_spoken() -> None:
    assert not is_our_own("http://a.example", "a.example", None, secure=True, this_machine_only=False)
    assert is_our_own("https://a.example", "a.example", None, secure=True, this_machine_only=False)


@pytest.mark.parametrize(("name", "allowed"), [("localhost", True), ("127.0.0.1", True), ("rebound.example", False)])
def test_a_server_of_this_machine_only_knows_this_machines_names(name: str, allowed: bool) -> None:
    host = f"{name}:8501"

    assert is_our_own(f"http://{host}", host, None, secure=False, this_machine_only=True) is allowed


def test_the_port_that_goes_without_saying_is_not_said() -> None:
    assert origin_of("https://Evenkeel.example.com:443/path") == BASE
    assert origin_of("http://localhost:8501") == "http://localhost:8501"


def test_an_address_that_knocks_too_often_waits_and_the_others_do_not() -> None:
    now = 0.0
    throttle = Throttle(clock=lambda: now)

    let_in = sum(throttle.allows("192.0.2.1") for _ in range(1000))
    other = throttle.allows("192.0.2.2")
    now = 10 / EACH_SECOND
    later = sum(throttle.allows("192.0.2.1") for _ in range(1000))

    assert (let_in, other, later) == (AT_ONCE, True, 10)


def test_of_a_thousand_connects_in_a_minute_fewer_than_half_come_in() -> None:
    now = 0.0
    throttle = Throttle(clock=lambda: now)
    let_in = 0

    for n in range(1000):
        now = n * 0.06
        let_in += throttle.allows("192.0.2.1")

    assert AT_ONCE < let_in < 500


def test_only_so_many_addresses_are_remembered() -> None:
    throttle = Throttle(at_once=1, each_second=0, clock=lambda: 0.0)

    for n in range(MOST_ADDRESSES + 1):
        throttle.allows(f"2001:db8:0:{n:x}::1")

    assert not throttle.allows(f"2001:db8:0:{MOST_ADDRESSES:x}::1")
    assert throttle.allows("2001:db8:0:0::1")  # the oldest was forgotten


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_counts_for_its_network(address: str, counted_as: str) -> None:
    assert network_of(address) == counted_as
