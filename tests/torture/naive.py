"""Five usual ways of submitting orders, each broken on purpose: the harness must catch every one of them."""

import json
import sqlite3
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from allocation.adapters.remote_broker import RemoteBroker
from allocation.adapters.sql.database import open_database
from allocation.adapters.sql.journal import SqlJournal
from allocation.brokers import OrderKnownError, OrderRefusedError
from allocation.errors import AllocationError
from allocation.journal import Batch, Line
from allocation.orders import Order

Submit = Callable[["Books", RemoteBroker, Line], None]
_ATTEMPTS = 200


class Books:
    """What a naive submitter remembers: one row for each line, in a file beside the store."""

    def __init__(self, store: str, batch: Batch) -> None:
        path = unquote(urlsplit(store).path).replace("//", "/") + f".{batch.id}.naive"
        self.rows = sqlite3.connect(path, timeout=30, isolation_level=None)
        self.rows.execute("PRAGMA journal_mode = WAL")
        self.rows.execute(
            "CREATE TABLE IF NOT EXISTS books (line INTEGER PRIMARY KEY, client_id, state, filled, price)"
        )

    def state(self, line: Line) -> str:
        found = self.rows.execute("SELECT state FROM books WHERE line = ?", (line.number,)).fetchone()
        return str(found[0]) if found else "reviewed"

    def save(self, line: Line, client_id: str, state: str, filled: object = 0, price: object = None) -> None:
        values = (line.number, client_id, state, str(filled), None if price is None else str(price))
        self.rows.execute("INSERT OR REPLACE INTO books VALUES (?, ?, ?, ?, ?)", values)

    def row(self, line: Line) -> tuple[Any, ...]:
        found = self.rows.execute("SELECT client_id, state, filled, price FROM books WHERE line = ?", (line.number,))
        return found.fetchone() or (line.order.client_id, "reviewed", "0", None)


def save_after_send(books: Books, broker: RemoteBroker, line: Line) -> None:
    """Sends, and writes down what came back: an answer that is lost is an order that is sent again."""
    order = _with_new_id(line.order)
    report = broker.place(order)
    books.save(line, order.client_id, report.status.value, report.filled, report.average_price)


def mark_before_send(books: Books, broker: RemoteBroker, line: Line) -> None:
    """Ticks the line off first, so that it is never sent twice, and maybe never at all."""
    books.save(line, line.order.client_id, "filled", line.order.quantity, line.price)
    broker.place(line.order)


def new_id_at_each_send(books: Books, broker: RemoteBroker, line: Line) -> None:
    """Has an id, but makes it when it sends: the next attempt has another."""
    order = _with_new_id(line.order)
    books.save(line, order.client_id, "submitting")
    report = broker.place(order)
    books.save(line, order.client_id, report.status.value, report.filled, report.average_price)


def library_that_retries(books: Books, broker: RemoteBroker, line: Line) -> None:
    """Looks up its own id after a crash, but its client repeats a POST by itself, with ids of the client's making."""
    for _ in range(4):
        order = _with_new_id(line.order)
        with suppress(AllocationError):
            report = broker.place(order)
            books.save(line, order.client_id, report.status.value, report.filled, report.average_price)
            return
    raise OrderRefusedError("gave up")


def one_transaction_at_the_end(books: Books, broker: RemoteBroker, line: Line) -> None:
    """Stable ids, but the books are committed after the last order: a duplicate is then booked as a rejection."""
    try:
        report = broker.place(line.order)
    except OrderKnownError:
        books.save(line, line.order.client_id, "refused")
        return
    books.save(line, line.order.client_id, report.status.value, report.filled, report.average_price)


NAIVE: dict[str, Submit] = {
    each.__name__: each
    for each in (
        save_after_send,
        mark_before_send,
        new_id_at_each_send,
        library_that_retries,
        one_transaction_at_the_end,
    )
}


def _run(submit: Submit, arguments: Sequence[str]) -> int:
    told = dict(zip(arguments[2::2], arguments[3::2], strict=False))
    batch = SqlJournal(open_database(told["--store"])).load(told["--batch"])
    books = Books(told["--store"], batch)
    if arguments[1] == "books":
        sys.stdout.write(json.dumps({"batches": [{"orders": [_told(books, line) for line in batch.lines]}]}))
        return 0
    broker = RemoteBroker(told["--broker"], read_seconds=0.5, order_seconds=0.5)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    at_the_end = submit is one_transaction_at_the_end
    if at_the_end:
        books.rows.execute("BEGIN")
    for _ in range(_ATTEMPTS):
        waiting = [line for line in batch.lines if books.state(line) in ("reviewed", "submitting")]
        for line in waiting:
            with suppress(AllocationError):
                submit(books, broker, line)
        if not waiting:
            break
    if at_the_end:
        books.rows.execute("COMMIT")
    return 0


def _told(books: Books, line: Line) -> dict[str, Any]:
    client_id, state, filled, price = books.row(line)
    return {
        "client_id": client_id,
        "symbol": line.order.symbol,
        "state": state,
        "filled": filled,
        "average_price": price,
        "quantity": str(line.order.quantity),
    }


def _with_new_id(order: Order) -> Order:
    return replace(order, client_id=f"rb{uuid.uuid4().hex[:18]}")


class Naive:
    """A submitter that can be sent to another process."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, arguments: Sequence[str]) -> int:
        return _run(NAIVE[self.name], arguments)
