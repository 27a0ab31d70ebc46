"""One line of a holdings table in our own words, and what it can become: a position, or something only shown."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from allocation.adapters.importers.amounts import read_amount, read_cost
from allocation.adapters.importers.table import Columns, Row
from allocation.model import LARGEST_PRICE, SMALLEST_PRICE, TaxLot
from allocation.money import MOST_DECIMALS, decimals, plain

CENT = Decimal("0.01")
LONGEST_LABEL = 120
UNIT_COST_STEP = Decimal("0.00000001")  # a hundred-millionth: below a cent for up to a million units

# Option symbols: Fidelity " -AAPL261218C200", the OCC's "AAPL261218C00200000", Schwab "AAPL 12/18/2026 200.00 C".
_OPTION_SYMBOL = re.compile(
    r"-.+|[A-Z.]{1,6}\d?\s*\d{6}[CP]\d+(\.\d+)?|[A-Z.]{1,6}\d?\s+\d{2}/\d{2}/\d{4}\s+[\d.]+\s+[CP]", re.IGNORECASE
)
_OPTION_NAME = re.compile(r"(CALL|PUT)\s.*\$\d|.*\s\$[\d.,]+\s(CALL|PUT)\b", re.IGNORECASE)
_BOND_NAME = re.compile(
    r".*\d\s*%.*\d{1,2}/\d{1,2}/\d{2,4}|.*\b(TREAS(URY)? (BILL|NOTE|BOND)|T-?BILL|CERT(IFICATE)? OF DEP)", re.I
)
_BOND_KINDS = ("fixed income", "bond", "cd", "certificate of deposit", "treasur", "municipal", "corporate")
_CUSIP = re.compile(r"(?=(?:.*\d){3})[0-9A-Z]{8}\d")


@dataclass(frozen=True, slots=True)
class Line:
    """A holding as the file has it; None where the file prints nothing.

    Attributes:
        cost: what the whole line cost; `unit_cost` is for one unit, for files that have only that.
        lots: the line's tax lots where the file lists them.
        currency: of all amounts of the line; empty for the account's.
        costs_in: the currency of cost and lots, where it is another than that of price and value.
        priced: when the price was struck, where the line itself says it.
        kind: the broker's word for the type of security.
        cost_fault: why the cost could not be read, in a sentence.
    """

    number: int
    text: str
    symbol: str
    name: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None
    value: Decimal | None = None
    cost: Decimal | None = None
    unit_cost: Decimal | None = None
    acquired: date | None = None
    kind: str = ""
    cost_fault: str = ""
    lots: tuple[TaxLot, ...] = ()
    currency: str = ""
    costs_in: str = ""
    priced: datetime | None = None

    @property
    def label(self) -> str:
        """How a person would recognise the line."""
        return (" ".join(part for part in (self.symbol, self.name) if part) or self.text)[:LONGEST_LABEL]


def read_line(row: Row, columns: Columns, symbol: str) -> Line:
    """The holding a row tells of, under a symbol its broker's reader has cleaned.

    Raises:
        NumberError: a quantity, price or value that is no amount; an unreadable cost costs the line only its lot.
    """
    label = symbol or columns.cell(row, "name") or "the line"
    cost, fault = read_cost(columns.cell(row, "cost"), f"The cost basis of {label}")
    unit_cost, unit_fault = read_cost(columns.cell(row, "unit_cost"), f"The cost of one unit of {label}")
    return Line(
        number=row.number,
        text=row.text,
        symbol=symbol,
        name=columns.cell(row, "name"),
        quantity=read_amount(columns.cell(row, "quantity"), f"The quantity of {label}"),
        price=read_amount(columns.cell(row, "price"), f"The price of {label}"),
        value=read_amount(columns.cell(row, "value"), f"The value of {label}"),
        cost=cost,
        unit_cost=unit_cost,
        kind=columns.cell(row, "kind"),
        cost_fault=fault or unit_fault,
    )


def reason_to_set_aside(line: Line, price_expected: bool = True) -> str | None:
    """Why a line cannot be traded here, in a sentence; None for a holding that can."""
    if is_option(line):
        return "An option: it is kept out of the plan."
    if is_bond(line):
        return "A bond or certificate of deposit, priced per 100 of face value: it is kept out of the plan."
    if not line.symbol:
        return "The file gives no ticker for it, so nothing else can name it."
    if not line.quantity:
        return "The file gives no quantity for it."
    if line.quantity < 0:
        return "A short position: Evenkeel plans long holdings only."
    if price_expected and line.price is None and line.value is None:
        return "The broker gives neither a price nor a value for it."
    if line.price is not None and not SMALLEST_PRICE <= line.price <= LARGEST_PRICE:
        return f"Its price in the file, {line.price:f}, is no price that can be traded at."
    return None


def is_option(line: Line) -> bool:
    """Whether the broker's type, the symbol or the description says option."""
    return (
        "option" in line.kind.lower()
        or bool(_OPTION_SYMBOL.fullmatch(line.symbol))
        or bool(_OPTION_NAME.match(line.name[:LONGEST_LABEL]))
        or _is_times(line, Decimal(100))
    )


def is_bond(line: Line) -> bool:
    """Whether the broker's type or the description says bond, or the value is quantity × price ÷ 100."""
    coded = not line.symbol or is_cusip(line.symbol)
    return (
        (line.kind.lower().startswith(_BOND_KINDS) and (coded or not _is_times(line, Decimal(1))))
        or (coded and bool(_BOND_NAME.match(line.name[:LONGEST_LABEL])))
        or _is_times(line, Decimal("0.01"))
    )


def is_cusip(symbol: str) -> bool:
    """Whether a symbol is a nine-character CUSIP, as brokers print for funds and bonds without a ticker."""
    return bool(_CUSIP.fullmatch(symbol))


def agrees(line: Line) -> bool:
    """Whether quantity × price gives the line's value, as far as the printed decimals allow."""
    return line.price is None or line.value is None or _is_times(line, Decimal(1))


def _is_times(line: Line, factor: Decimal) -> bool:
    """Whether value = quantity × price × factor, within the rounding of what is printed."""
    if not line.quantity or not line.price or not line.value:
        return False
    blur = abs(line.quantity) * _half_step(line.price, 2) * factor + CENT
    if decimals(line.quantity):
        blur += abs(line.price) * _half_step(line.quantity, 3) * factor
    return abs(line.quantity * line.price * factor - line.value) <= blur


def _half_step(printed: Decimal, least: int) -> Decimal:
    """Half a unit of the last printed decimal; at least as fine as `least` decimals, since trailing zeros are gone."""
    return Decimal(1).scaleb(-max(least, decimals(printed))) / 2


def to_cents(amount: Decimal) -> Decimal:
    """Money rounded to the cent as brokers print it, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def as_printed(product: Decimal, value: Decimal | None) -> Decimal:
    """Quantity × price in cents the way the line's own value is: Fidelity cuts the rest off, the others round half up."""
    cut = product.quantize(CENT, ROUND_DOWN)
    return cut if cut == value else to_cents(product)


def implied_price(line: Line) -> Decimal | None:
    """Value ÷ quantity for a file without a price column, if that gives the value back to the cent."""
    if not line.quantity or not line.value:
        return None
    price = Decimal(plain((line.value / line.quantity).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)))
    return price if to_cents(price * line.quantity) == line.value and price >= SMALLEST_PRICE else None


def unit_cost(line: Line) -> Decimal | None:
    """Cost of one unit where the file has the cost of the line."""
    if line.cost is None or line.cost < 0 or not line.quantity:
        return line.unit_cost
    exact = line.cost / line.quantity + 0  # 1.0E+2 becomes 100
    return exact if decimals(exact) <= MOST_DECIMALS else exact.quantize(UNIT_COST_STEP, ROUND_HALF_EVEN)
