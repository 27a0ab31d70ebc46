"""The command line: `python -m allocation plan REQUEST.json` and its companions; `--help` names them all.

Exit status 0 with an answer, 1 when a verified plan has faults, 2 when the request is refused; never a traceback.
"""

import argparse
import json
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from allocation.errors import AllocationError, RequestError
from allocation.plan import plan_facts
from allocation.request import LARGEST_REQUEST, read_request
from allocation.request.strict_json import read_json
from allocation.rules import Rules
from allocation.verify import verify_plan

Answer = tuple[dict[str, Any], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    try:
        answer, status = _run(list(sys.argv[1:] if arguments is None else arguments))
    except AllocationError as error:
        print(error.message, file=sys.stderr)  # noqa: T201  the command line talks
        answer = {"error": {"code": error.code, "message": error.message, "culprits": list(error.culprits)}}
        status = 2
    return _say(answer, status)


def _say(answer: dict[str, Any], status: int) -> int:
    """Print the answer; a reader that has gone, or a full disk, is told on standard error and by status 1."""
    try:
        print(_as_json(answer), flush=True)  # noqa: T201
    except OSError as error:
        # What is still buffered must not be tried, and fail, again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"The answer cannot be written: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 1
    return status


def _as_json(answer: dict[str, Any]) -> str:
    """The answer as people read it; with escapes only where standard output cannot write a character of it."""
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(answer, indent=2)
    return text


def _run(arguments: list[str]) -> Answer:
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], Answer] = chosen.command
    return command(chosen)


def _plan(chosen: argparse.Namespace) -> Answer:
    facts = read_request(_read(chosen.request)).to_facts()
    plan = plan_facts(facts)
    if chosen.without_it:
        from allocation.planning.without import explain_trades  # noqa: PLC0415  only what a command needs is loaded

        plan = explain_trades(facts, plan)
    return plan.as_dict(), 0


def _verify(chosen: argparse.Namespace) -> Answer:
    from allocation.request.response import read_plan  # noqa: PLC0415  no plan is read to make one

    request = read_request(_read(chosen.request))
    faults = verify_plan(read_plan(_read(chosen.plan)), request.to_facts())
    told = [{"code": fault.code, "message": fault.message} for fault in faults]
    return {"verified": not faults, "faults": told}, 1 if faults else 0


def _frontier(chosen: argparse.Namespace) -> Answer:
    from allocation.frontier import Over, trace_frontier  # noqa: PLC0415  only what a command needs is loaded

    points = trace_frontier(read_request(_read(chosen.request)).to_facts(), Over(chosen.over))
    return {"over": chosen.over, "points": [point.as_dict() for point in points]}, 0


def _least_contribution(chosen: argparse.Namespace) -> Answer:
    from allocation.contribution import find_least_contribution  # noqa: PLC0415  as above

    return find_least_contribution(read_request(_read(chosen.request)).to_facts()).as_dict(), 0


def _schema(_: argparse.Namespace) -> Answer:
    from allocation.request.request import request_schema  # noqa: PLC0415  with its companion
    from allocation.request.response import response_schema  # noqa: PLC0415  as above

    return {"request": request_schema(), "response": response_schema()}, 0


def _book(chosen: argparse.Namespace) -> Answer:
    from allocation.book.command import rebalance  # noqa: PLC0415  no other command waits for pyarrow

    return rebalance(chosen, _read_rules(chosen.rules) if chosen.rules else Rules())


def _keys(chosen: argparse.Namespace) -> Answer:
    from allocation.upkeep import look_after_keys  # noqa: PLC0415  no plan waits for a database

    return look_after_keys(chosen.action)


def _trail(chosen: argparse.Namespace) -> Answer:
    from allocation.upkeep import check_trail  # noqa: PLC0415  as above

    return check_trail(chosen.head)


def _backup(chosen: argparse.Namespace) -> Answer:
    from allocation.upkeep import back_up_database  # noqa: PLC0415  as above

    return back_up_database(chosen.file)


def _support_bundle(_: argparse.Namespace) -> Answer:
    from allocation.support import support_bundle  # noqa: PLC0415  as above

    return support_bundle(), 0


def _users(chosen: argparse.Namespace) -> Answer:
    from allocation.users import look_after_users  # noqa: PLC0415  as above

    return look_after_users(chosen.action, chosen.name)


def _read_rules(name: str) -> Rules:
    """The `rules` of a request in a file of their own, read as strictly."""
    text = _read(name).removeprefix(BOM_UTF8)
    read_json(text, "The rules")
    return read_request(b'{"accounts": [{}], "target": {"weights": {}}, "rules": ' + text + b"}").to_rules()


def _orders(chosen: argparse.Namespace) -> Answer:
    from allocation.dealing import work_on_orders  # noqa: PLC0415  as above

    return work_on_orders(chosen)


class _Parser(argparse.ArgumentParser):
    """A parser that refuses like the rest of us."""

    def error(self, message: str) -> NoReturn:
        usage = (
            "Commands: plan REQUEST.json, frontier REQUEST.json, least-contribution REQUEST.json, schema, "
            "verify REQUEST.json PLAN.json, book ACCOUNTS --models MODELS --out FILE; for whoever runs the app: "
            "keys new|list|rotate|reseal|retire|forget, trail verify, backup FILE, support-bundle, "
            "users list|add|disable|enable|reset-password|reset-second-factor NAME, "
            "orders plan|submit|books --store URL --broker URL, orders work"
        )
        raise RequestError(f"{message[:1].upper()}{message[1:]}. {usage}.", ("command",))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m allocation", description="Plan the trades of a portfolio, exactly.")
    commands = parser.add_subparsers(required=True, metavar="command")
    plan = commands.add_parser("plan", help="print the plan for a request")
    plan.add_argument("request", help="a JSON file, or - for standard input")
    plan.add_argument("--without-it", action="store_true", help="say of each trade what the plan would be without it")
    plan.set_defaults(command=_plan)
    frontier = commands.add_parser("frontier", help="print the best plan for every number of trades, or other budget")
    frontier.add_argument("request", help="a JSON file, or - for standard input")
    frontier.add_argument("--over", choices=("trades", "tax", "turnover"), default="trades", help="what is budgeted")
    frontier.set_defaults(command=_frontier)
    least = commands.add_parser("least-contribution", help="print the least money in that needs no sale")
    least.add_argument("request", help="a JSON file, or - for standard input")
    least.set_defaults(command=_least_contribution)
    schema = commands.add_parser("schema", help="print the JSON Schemas of request and response")
    schema.set_defaults(command=_schema)
    verify = commands.add_parser("verify", help="check a plan against its request, independently")
    verify.add_argument("request", help="a JSON file, or - for standard input")
    verify.add_argument("plan", help="the printed plan")
    verify.set_defaults(command=_verify)
    book = commands.add_parser("book", help="plan many accounts, from file to file")
    book.add_argument("accounts", help="Parquet, CSV or Arrow: account_id, model_id, symbol, quantity, price, cash")
    book.add_argument("--models", required=True, help="Parquet, CSV or Arrow: model_id, symbol, weight")
    book.add_argument("--out", required=True, help="the file of the trades, or a directory")
    book.add_argument("--rules", help="a JSON file with the rules of a request")
    book.add_argument("--workers", type=int, default=0, help="processes; as many as there are cores if not given")
    book.add_argument("--scheduler", help="the address of a Dask scheduler whose workers solve instead")
    book.set_defaults(command=_book)
    keys = commands.add_parser("keys", help="the keys that seal secrets of the app")
    keys.add_argument("action", choices=("new", "list", "rotate", "reseal", "retire", "forget"))
    keys.set_defaults(command=_keys)
    trail = commands.add_parser("trail", help="check the audit trail of the app, line by line")
    trail.add_argument("action", choices=("verify",))
    trail.add_argument("--head", help="what an earlier check printed as head: that line must still be there")
    trail.set_defaults(command=_trail)
    users = commands.add_parser("users", help="who may sign in to the app")
    users.add_argument("action", choices=("list", "add", "disable", "enable", "reset-password", "reset-second-factor"))
    users.add_argument("name", nargs="?", help="a user name or an id")
    users.set_defaults(command=_users)
    _add_orders(commands.add_parser("orders", help="plan a batch of orders, submit it, read the books"))
    bundle = commands.add_parser("support-bundle", help="print what a helper needs to know of the app, without secrets")
    bundle.set_defaults(command=_support_bundle)
    backup = commands.add_parser("backup", help="copy the app's running SQLite database to a file")
    backup.add_argument("file", help="a file that does not exist yet")
    backup.set_defaults(command=_backup)
    return parser


def _add_orders(orders: argparse.ArgumentParser) -> None:
    orders.add_argument("action", choices=("plan", "submit", "books", "work"))
    orders.add_argument("file", nargs="?", help="plan: a request in JSON; holdings and cash are the broker's")
    orders.add_argument("--store", help="the database's URL")
    orders.add_argument("--broker", help="the broker's URL; its token is better given as EVENKEEL_BROKER_TOKEN")
    orders.add_argument("--account", help="the broker's id of the account, where it has several")
    orders.add_argument("--batch", help="a batch's id; otherwise the latest that is not done")
    orders.add_argument("--user", default="", help="whose account it is, by user name or id")
    orders.add_argument("--limits", help="plan: a JSON file with the account's limits, to be kept")
    orders.add_argument("--type", choices=("market", "limit"), default="market", help="plan: the type of the orders")
    orders.add_argument("--collar", default="0.01", help="plan: how much worse than its price a limit may be")
    orders.add_argument("--seconds", type=float, default=300, help="submit: how long to stay with the batch")
    orders.add_argument("--timeout", type=float, default=15, help="how long the broker may take for one answer")
    orders.add_argument("--settle", type=float, default=60, help="how long the broker may take to show an order")
    orders.add_argument(
        "--embedded", action="store_true", help="work: end when there is nothing to do, or the app is gone"
    )
    orders.set_defaults(command=_orders)


def _read(name: str) -> bytes:
    """The bytes of a file or of standard input; no more than would be refused."""
    try:
        if name == "-" and sys.stdin is None:
            raise ValueError("standard input is closed")
        if name == "-":
            return sys.stdin.buffer.read(LARGEST_REQUEST + 1)
        with Path(name).open("rb") as file:
            return file.read(LARGEST_REQUEST + 1)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise RequestError(f"{name!a} cannot be read: {said}.", (name,)) from None


if __name__ == "__main__":
    sys.exit(main())
