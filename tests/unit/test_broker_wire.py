"""One request to a broker, and every way in which the other side can fail us."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from allocation.adapters.broker_fields import Fields, fields_of
from allocation.adapters.broker_wire import LARGEST_ANSWER, Answer, Wire, exact_json
from allocation.brokers import BrokerAnswerError, BrokerUnavailableError, OrderUncertainError

Behaviour = Callable[[socket.socket], None]
HEADERS = {"Authorization": "the-canary-of-this-test"}


@contextmanager
def server(behave: Behaviour) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads each request and then does as told; its address, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(65_536))
                    behave(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked


def says(answer: bytes) -> Behaviour:
    return lambda connection: connection.sendall(answer)


def silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the client gives up


def dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    try:
        for _ in range(1000):
            connection.sendall(b" ")
            time.sleep(0.05)
    except OSError:
        return


def dripping_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    try:
        for _ in range(1000):
            connection.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        return


def dripping_then_silent(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    time.sleep(0.1)
    connection.sendall(b" ")
    silent(connection)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LARGEST_ANSWER + 1) + b" " * (LARGEST_ANSWER + 1)
ELSEWHERE = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 429 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (silent, "BROKER_UNAVAILABLE"),
        (says(b""), "BROKER_UNAVAILABLE"),
        (says(BROKEN), "BROKER_UNAVAILABLE"),
        (says(BUSY), "BROKER_UNAVAILABLE"),
        (says(CUT_OFF), "BROKER_MALFORMED"),
        (says(ENDLESS), "BROKER_MALFORMED"),
        (says(ELSEWHERE), "BROKER_MALFORMED"),
        (dripping, "BROKER_UNAVAILABLE"),
        (dripping_headers, "BROKER_UNAVAILABLE"),
        (dripping_then_silent, "BROKER_UNAVAILABLE"),
    ],
)
def test_a_question_that_fails_is_asked_once_and_says_why(behave: Behaviour, code: str) -> None:
    with server(behave) as (url, asked):
        wire = Wire("A broker", url, read_seconds=0.3)

        with pytest.raises((BrokerUnavailableError, BrokerAnswerError)) as refused:
            wire.read("GET", "/accounts", HEADERS)

    assert refused.value.code == code
    assert "A broker" in str(refused.value)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "behave", [silent, says(b""), says(BROKEN), says(CUT_OFF), says(ENDLESS), says(ELSEWHERE), dripping]
)
def test_an_order_without_a_plain_answer_is_uncertain_and_sent_once(behave: Behaviour) -> None:
    with server(behave) as (url, asked):
        wire = Wire("A broker", url, order_seconds=0.3)

        with pytest.raises(OrderUncertainError):
            wire.order("POST", "/orders", HEADERS, body=b"{}")

    assert len(asked) == 1


def test_an_order_that_found_no_server_was_not_placed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"

    with pytest.raises(BrokerUnavailableError):
        Wire("A broker", url).order("POST", "/orders", HEADERS, body=b"{}")


def test_an_order_to_a_broker_that_takes_no_more_for_now_was_not_placed() -> None:
    with server(says(BUSY)) as (url, asked), pytest.raises(BrokerUnavailableError):
        Wire("A broker", url).order("POST", "/orders", HEADERS, body=b"{}")

    assert len(asked) == 1


def test_a_refusal_and_all_behind_it_say_nothing_of_what_was_sent() -> None:
    with server(silent) as (url, _), pytest.raises(OrderUncertainError) as refused:
        Wire("A broker", url, order_seconds=0.2).order("POST", "/orders", HEADERS, body=b"the-canary-of-this-test")

    told, error = "", refused.value.__cause__
    while error is not None:
        told += repr(error)
        error = error.__cause__
    assert "canary" not in told + repr(refused.value)


def test_a_refusal_by_the_broker_is_an_answer() -> None:
    with server(says(b"HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\n{}")) as (url, _):
        answer = Wire("A broker", url).order("POST", "/orders", HEADERS, body=b"{}")

    assert (answer.status, answer.body) == (422, b"{}")


def test_a_broker_is_spoken_to_over_https_only() -> None:
    with pytest.raises(ValueError, match="https only"):
        Wire("A broker", "http://api.example.com")


def test_numbers_keep_every_digit() -> None:
    found = exact_json(b'{"quantity": 0.1234567890123456789, "count": 3}')

    assert found == {"quantity": Decimal("0.1234567890123456789"), "count": 3}


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"[" * 100_000, b"1" * 10_000, b"\xff\xfe"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BrokerAnswerError) as refused:
        fields_of("A broker", "the account", Answer(200, body))

    assert refused.value.code == "BROKER_MALFORMED"


@pytest.mark.parametrize("found", [None, Decimal("NaN"), "abc", True, [1], {}, "1e400", "١٢"])
def test_a_number_that_is_none_is_refused_by_its_name(found: object) -> None:
    position = Fields("A broker", "Position", {"quantity": found})

    with pytest.raises(BrokerAnswerError, match="quantity of Position") as refused:
        position.number("quantity", "HOLDING_INVALID")

    assert refused.value.code == "HOLDING_INVALID"


def test_one_object_in_place_of_a_list_of_one_is_read_alike() -> None:
    assert Fields("A broker", "x", {"Account": {"id": 1}}).many("Account") == Fields(
        "A broker", "x", {"Account": [{"id": 1}]}
    ).many("Account")
