"""The request of the command line: its shape, read strictly, and its translation into our values."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from allocation.errors import NotSupportedError, listed, read_each
from allocation.facts import Facts
from allocation.model import Account, Portfolio, Position, TaxLot, TaxTreatment, parse_symbol, refuse_duplicates
from allocation.request.fields import Count, Exact, Fraction01, IsoDate, NotNegative, Positive, Strict
from allocation.request.refusals import refusal
from allocation.request.strict_json import read_json
from allocation.rules import Objective, OutsideTarget, Rules, Selling
from allocation.targets import SUM_TOLERANCE, TargetAllocation

Treatment = Literal["taxable", "tax_deferred", "tax_free"]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class LotModel(Strict):
    """Units bought together."""

    acquired: IsoDate | None = None
    quantity: Positive
    unit_cost: NotNegative


class PositionModel(Strict):
    """Units of one security; lots, if given, add up to the quantity."""

    symbol: str
    quantity: Exact
    lots: list[LotModel] = Field(default_factory=list)


class AccountModel(Strict):
    """One account: settled cash, money in (+) or out (−) before trading, positions."""

    id: Name = "main"
    tax_treatment: Treatment = "taxable"
    cash: Exact = Decimal(0)
    cash_flow: Exact = Decimal(0)
    positions: list[PositionModel] = Field(default_factory=list)


class SecurityModel(Strict):
    """What is known of a security. `increment` is its smallest tradable step in units."""

    price: Exact | None = None
    increment: Exact = Decimal(1)
    classes: dict[str, Fraction01] | None = None
    half_spread: Fraction01 = Decimal(0)

    @model_validator(mode="after")
    def _classes_sum_to_one(self) -> Self:
        if self.classes is not None and abs(sum(self.classes.values(), Decimal(0)) - 1) > SUM_TOLERANCE:
            raise PydanticCustomError("classes", "the classes must sum to 1")
        return self


class ClassModel(Strict):
    """A share of the parent class, divided among its children."""

    weight: Fraction01
    children: dict[str, "ClassModel"] | None = None


class TargetModel(Strict):
    """Weights by security, or a tree of asset classes: one of the two."""

    weights: dict[str, Exact] | None = None
    classes: dict[str, ClassModel] | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.weights is None) == (self.classes is None):
            raise PydanticCustomError("target", "give either weights or classes")
        return self


class BandModel(Strict):
    """How far a line may stray before it trades; read when `trade` is out_of_band."""

    absolute: Fraction01 | None = Decimal("0.05")
    relative: NotNegative | None = Decimal("0.25")
    combine: Literal["narrower", "wider"] = "narrower"


class CostsModel(Strict):
    """What a trade costs: a fixed sum and a fraction of its value, within a minimum and a maximum."""

    per_trade: NotNegative = Decimal(0)
    rate: Fraction01 = Decimal(0)
    minimum: NotNegative = Decimal(0)
    maximum: NotNegative | None = None


class TaxesModel(Strict):
    """Taxes on gains; at zero rates nothing here changes a plan."""

    short_term_rate: Fraction01 = Decimal(0)
    long_term_rate: Fraction01 = Decimal(0)
    lot_method: Literal["fifo", "lifo", "hifo", "least_tax"] = "least_tax"
    as_of: IsoDate | None = None
    max_tax: NotNegative | None = None
    wash_sale_days: Count = 30


class RulesModel(Strict):
    """How we may trade. Every default is the plain case."""

    objective: Literal["l2", "l1", "relative"] = "l2"
    selling: Literal["allowed", "never", "to_raise_cash"] = "allowed"
    cash_reserve: Exact = Decimal(0)
    trade: Literal["everything", "out_of_band"] = "everything"
    band: BandModel = Field(default_factory=BandModel)
    destination: Literal["target", "edge"] = "target"
    outside_target: Literal["sell", "hold", "exclude"] = "sell"
    lock: list[str] = Field(default_factory=list)
    do_not_buy: list[str] = Field(default_factory=list)
    do_not_sell: list[str] = Field(default_factory=list)
    min_trade_value: Exact = Decimal(0)
    max_trades: Count | None = None
    max_turnover: NotNegative | None = None
    costs: CostsModel = Field(default_factory=CostsModel)
    taxes: TaxesModel = Field(default_factory=TaxesModel)
    location: dict[str, list[Treatment]] = Field(default_factory=dict)


class Request(Strict):
    """Everything one plan is made from."""

    accounts: list[AccountModel] = Field(min_length=1)
    securities: dict[str, SecurityModel] = Field(default_factory=dict)
    target: TargetModel
    rules: RulesModel = Field(default_factory=RulesModel)

    def to_facts(self) -> Facts:
        """Everything the plan is made from."""
        portfolio = self.to_portfolio()
        flows = {portfolio.account.id: self.cash_flow}
        return Facts((portfolio,), self.to_target(), self.to_prices(), self.to_rules(), flows)

    def to_portfolio(self) -> Portfolio:
        """The account with its positions and cash."""
        account = self.accounts[0]
        positions = tuple(read_each(_position, account.positions))
        known_as = Account(account.id, account.id, tax_treatment=TaxTreatment(account.tax_treatment))
        return Portfolio(known_as, positions, account.cash)

    def to_target(self) -> TargetAllocation:
        """The target weights."""
        return TargetAllocation.of(self.target.weights or {})

    def to_prices(self) -> dict[str, Decimal]:
        """The prices that the request gives."""
        return {s: security.price for s, security in self._securities() if security.price is not None}

    def to_rules(self) -> Rules:
        """The rules that this version calculates."""
        told = self.rules
        return Rules(
            objective=Objective(told.objective),
            selling=Selling(told.selling),
            outside_target=OutsideTarget(told.outside_target),
            cash_reserve=told.cash_reserve,
            min_trade_value=told.min_trade_value,
            lock=frozenset(read_each(parse_symbol, told.lock)),
            do_not_buy=frozenset(read_each(parse_symbol, told.do_not_buy)),
            do_not_sell=frozenset(read_each(parse_symbol, told.do_not_sell)),
            increments={s: security.increment for s, security in self._securities()},
        )

    @property
    def cash_flow(self) -> Decimal:
        """Money in (+) or out (−) before trading."""
        return self.accounts[0].cash_flow

    def _securities(self) -> Iterator[tuple[str, SecurityModel]]:
        refuse_duplicates("securities", self.securities)
        yield from zip(read_each(parse_symbol, self.securities), self.securities.values(), strict=True)


def read_request(text: str | bytes) -> Request:
    """The request in the text.

    Raises:
        RequestError, NumberError: it is not a request; every culprit is named by its path.
        NotSupportedError: it asks for something this version does not calculate.
    """
    raw = read_json(text)
    try:
        request = Request.model_validate(raw)
    except ValidationError as error:
        raise refusal(error, Request, raw) from None
    beyond = dict(_not_calculated(request))
    if beyond:
        asked = listed(f"{key} {value}" for key, value in beyond.items())
        message = f"This version does not calculate {asked}. Leave {'it' if len(beyond) == 1 else 'them'} out."
        raise NotSupportedError(message, beyond)
    return request


def _not_calculated(request: Request) -> Iterator[tuple[str, object]]:
    """Keys, with their values, that would change a plan in ways this version does not calculate."""
    rules, costs, taxes = request.rules, request.rules.costs, request.rules.taxes
    taxed = request.accounts[0].tax_treatment == "taxable"
    asked: dict[str, tuple[object, bool]] = {
        "accounts": (f"({len(request.accounts)} of them)", len(request.accounts) > 1),
        "target.classes": ("(weights by class)", request.target.classes is not None),
        "rules.objective": (rules.objective, rules.objective == "relative"),
        "rules.trade": (rules.trade, rules.trade != "everything"),
        "rules.destination": (rules.destination, rules.destination != "target"),
        "rules.max_trades": (rules.max_trades, rules.max_trades is not None),
        "rules.max_turnover": (rules.max_turnover, rules.max_turnover is not None),
        "rules.costs.per_trade": (costs.per_trade, costs.per_trade > 0),
        "rules.costs.rate": (costs.rate, costs.rate > 0),
        "rules.costs.minimum": (costs.minimum, costs.minimum > 0),
        "rules.taxes.short_term_rate": (taxes.short_term_rate, taxed and taxes.short_term_rate > 0),
        "rules.taxes.long_term_rate": (taxes.long_term_rate, taxed and taxes.long_term_rate > 0),
    }
    yield from ((key, value) for key, (value, present) in asked.items() if present)
    for symbol, security in request.securities.items():
        if security.half_spread:
            yield f"securities.{symbol}.half_spread", security.half_spread


def _position(told: PositionModel) -> Position:
    lots = tuple(TaxLot(lot.quantity, lot.unit_cost, lot.acquired) for lot in told.lots)
    return Position(told.symbol, told.quantity, lots)
