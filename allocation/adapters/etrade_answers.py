"""What E*TRADE says of accounts, holdings and money, as our values.

Shapes from E*TRADE's documents (apisb.etrade.com/docs/api/account) and recorded answers in public clients. JSON answers
have a list where the XML ones have one element after another, and now and then one object in place of a list of one.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from allocation.adapters.broker_fields import Fields
from allocation.adapters.etrade_sign_in import EASTERN, NAME
from allocation.brokers import BrokerAccount, BrokerAnswerError
from allocation.errors import AllocationError
from allocation.model import Position, PriceSource, Quote, SetAside, TaxLot
from allocation.money import plain

CURRENCY: Final = "USD"
_HELD: Final = frozenset(("EQ", "MF", "MMF"))  # shares and exchange-traded funds, mutual funds, money funds
_WHY_NOT: Final = {"OPTN": "options are not rebalanced", "BOND": "bonds are not rebalanced"}


def account_of(told: Fields) -> BrokerAccount:
    """An account of the list; "ACTIVE" takes orders."""
    status = told.maybe_text("accountStatus")
    name = told.maybe_text("accountName") or told.maybe_text("accountDesc") or told.maybe_text("accountType")
    blocked = "" if status in ("", "ACTIVE") else f"E*TRADE has it as {status.replace('_', ' ').lower()}."
    return BrokerAccount(told.text("accountIdKey"), name or NAME, told.text("accountId"), CURRENCY, blocked)


def is_open_brokerage(told: Fields) -> bool:
    """Whether an account of the list can hold securities and is not closed."""
    return told.maybe_text("institutionType") in ("", "BROKERAGE") and told.maybe_text("accountStatus") != "CLOSED"


def is_held(told: Fields) -> bool:
    """Whether a position is of a kind that is rebalanced."""
    return told.one("Product").text("securityType") in _HELD


def set_aside_of(told: Fields) -> SetAside:
    """A position of a kind that is shown and left alone."""
    kind = told.one("Product").text("securityType")
    name = told.maybe_text("symbolDescription") or told.one("Product").text("symbol")
    return SetAside(name, _WHY_NOT.get(kind, f"E*TRADE calls it {kind}"), told.maybe_number("marketValue"))


def symbol_of(told: Fields) -> str:
    """The symbol of a position, as E*TRADE spells it: BRK.B."""
    return told.one("Product").symbol("symbol")


def position_of(told: Fields, lots: tuple[TaxLot, ...]) -> Position:
    """A position with its lots and the price that came with it.

    Raises:
        BrokerAnswerError: HOLDING_INVALID, HOLDING_SHORT, BROKER_MALFORMED.
    """
    symbol = symbol_of(told)
    quantity = told.number("quantity", "HOLDING_INVALID")
    if quantity < 0 or told.maybe_text("positionType") == "SHORT":
        raise BrokerAnswerError(
            "HOLDING_SHORT",
            f"E*TRADE has {symbol} as a short position of {plain(quantity)}. Evenkeel plans long holdings only; close it "
            "there or leave this account out.",
            (symbol,),
        )
    try:
        name = told.maybe_text("symbolDescription")
        return Position(symbol, quantity, lots, "" if name == symbol else name, _quote_of(symbol, told))
    except BrokerAnswerError:
        raise
    except AllocationError as error:
        # Its lots do not add up, while an order is being booked; or the price is none.
        raise BrokerAnswerError("HOLDING_INVALID", f"E*TRADE: {error.message}", (symbol,)) from error


def lots_of(symbol: str, told: Iterable[Fields]) -> tuple[TaxLot, ...]:
    """The lots of a position; those that are sold already have nothing remaining.

    Raises:
        BrokerAnswerError: HOLDING_INVALID, BROKER_CURRENCY.
    """
    found = []
    for lot in told:
        _refuse_other_currency(symbol, lot)
        quantity = lot.number("remainingQty", "HOLDING_INVALID")
        if quantity == 0:
            continue
        bought = lot.milliseconds("acquiredDate") if lot.maybe_number("acquiredDate") else None
        acquired = None if bought is None else bought.astimezone(EASTERN).date()
        found.append(TaxLot(quantity, lot.number("price", "HOLDING_INVALID"), acquired))
    return tuple(found)


def refuse_twice(positions: Iterable[Position]) -> None:
    """Raise HOLDING_DUPLICATE for a symbol that is there twice."""
    seen = Counter(position.symbol.upper() for position in positions)
    if twice := tuple(symbol for symbol, times in seen.items() if times > 1):
        raise BrokerAnswerError(
            "HOLDING_DUPLICATE",
            f"E*TRADE lists {' and '.join(twice)} more than once, and which line counts is not certain. Refresh in a "
            "minute; if it stays, import a file instead.",
            twice,
        )


def cash_of(balance: Fields) -> tuple[Decimal, Decimal, Decimal | None]:
    """Settled cash, unsettled cash, and buying power where E*TRADE says.

    Settled is what a cash account may spend without a violation (settledCashForInvestment). Accounts that have no such
    field, margin accounts among them, say netCash.

    Raises:
        BrokerAnswerError: CASH_INVALID, CASH_NEGATIVE.
    """
    computed = balance.one("Computed")
    known = "settledCashForInvestment" if "settledCashForInvestment" in computed.told else "netCash"
    settled = computed.number(known, "CASH_INVALID")
    unsettled = computed.maybe_number("unSettledCashForInvestment", "CASH_INVALID") or Decimal(0)
    owed = min(settled, computed.maybe_number("netCash", "CASH_INVALID") or Decimal(0))
    if owed < 0:
        raise BrokerAnswerError(
            "CASH_NEGATIVE",
            f"E*TRADE has cash of {plain(owed)} USD, so money is owed. Evenkeel does not plan on borrowed money; pay it back "
            "there first.",
            ("cash",),
        )
    margin = computed.maybe_number("marginBuyingPower")
    return settled, unsettled, computed.maybe_number("cashBuyingPower") if margin is None else margin


def refuse_other_account(account: BrokerAccount, told: Fields) -> None:
    """Raise BROKER_ACCOUNT where an answer is about another account than was asked for."""
    number = told.maybe_text("accountId")
    if number and number != account.number:
        raise BrokerAnswerError(
            "BROKER_ACCOUNT",
            f"E*TRADE answered with another account than {account.name}. Nothing was read. Refresh; if it stays, sign in "
            "again at E*TRADE.",
            ("account",),
        )


def _quote_of(symbol: str, told: Fields) -> Quote | None:
    """The last trade, with its time; none where E*TRADE has no price, as for some funds."""
    quick = told.maybe_one("Quick")
    if quick is None or not quick.maybe_number("lastTrade") or not quick.maybe_number("lastTradeTime"):
        return None
    return Quote(symbol, quick.number("lastTrade"), CURRENCY, quick.seconds("lastTradeTime"), PriceSource.FILE)


def _refuse_other_currency(symbol: str, lot: Fields) -> None:
    currency = lot.maybe_text("settlementCurrency") or CURRENCY
    if currency != CURRENCY:
        raise BrokerAnswerError(
            "BROKER_CURRENCY",
            f"E*TRADE prices {symbol} in {currency[:12]!a}; its accounts are in USD. Import a file for this account instead.",
            (symbol,),
        )
