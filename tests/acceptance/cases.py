"""Cases from other projects' public tests and examples: their figures in, the proved optimum out.

Only figures are carried over, each with its source and the licence that the source states. The optima are ours: computed
apart from this engine, in exact arithmetic, as Σ(value − target)² for l2 and Σ|value − target| for l1, cash included. They
are mostly better than what those projects expect of themselves, which round or go greedily.
"""

from dataclasses import dataclass, field
from typing import Any

Numbers = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One account; `rules` as in a request."""

    name: str
    source: str
    prices: Numbers
    weights: Numbers
    held: Numbers = field(default_factory=dict)
    cash: str = "0"
    cash_flow: str = "0"
    increments: Numbers = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)

    def request(self, objective: str, backwards: bool = False) -> dict[str, Any]:
        """The request, with its rows in this or the opposite order."""
        turn = -1 if backwards else 1
        positions = [{"symbol": s, "quantity": q} for s, q in self.held.items()]
        account = {"id": "main", "cash": self.cash, "cash_flow": self.cash_flow, "positions": positions[::turn]}
        securities = {s: {"price": p, "increment": self.increments.get(s, "1")} for s, p in self.prices.items()}
        return {
            "accounts": [account],
            "securities": dict(list(securities.items())[::turn]),
            "target": {"weights": dict(list(self.weights.items())[::turn])},
            "rules": {"objective": objective, **self.rules},
        }


# PyPortfolioOpt, https://github.com/robertmartin8/PyPortfolioOpt, MIT. tests/resources/stock_prices.csv, 2018-04-11.
STOCKS = {
    "GOOG": "1019.969971", "AAPL": "172.440002", "FB": "166.320007", "BABA": "175.360001", "AMZN": "1427.050049",
    "GE": "12.97", "AMD": "9.82", "WMT": "85.910004", "BAC": "29.9", "GM": "39.0", "T": "35.25", "UAA": "16.74",
    "SHLD": "3.3", "XOM": "77.43", "RRC": "14.99", "BBY": "70.910004", "MA": "172.360001", "PFE": "35.790001",
    "JPM": "110.620003", "SBUX": "59.419998",
}  # fmt: skip
# README.md: the weights of its example, whose $10,000 allocation tests/test_discrete_allocation.py expects. Rounded there,
# they come to 1.00001; the largest is lowered by that much.
SHARPE = {
    "GOOG": "0.03835", "AAPL": "0.0689", "FB": "0.20603", "BABA": "0.07315", "AMZN": "0.04033", "BBY": "0.01324",
    "MA": "0.35348", "PFE": "0.1957", "SBUX": "0.01082",
}  # fmt: skip
# tests/resources/weights_hrp.csv, to five decimals, the largest lowered by the 0.00001 that this adds.
HRP = {
    "AAPL": "0.02226", "AMD": "0.02229", "AMZN": "0.01609", "BABA": "0.07963", "BAC": "0.01441", "BBY": "0.03406",
    "FB": "0.06273", "GE": "0.05519", "GM": "0.05558", "GOOG": "0.04956", "JPM": "0.01768", "MA": "0.03813",
    "PFE": "0.07787", "RRC": "0.03162", "SBUX": "0.03984", "SHLD": "0.02711", "T": "0.11139", "UAA": "0.02712",
    "WMT": "0.1057", "XOM": "0.11174",
}  # fmt: skip
PYPFOPT = "PyPortfolioOpt, tests/test_discrete_allocation.py, MIT"
PYVALLOCATION = "pyvallocation, tests/test_discrete_allocation.py, licence not stated there"
PORT_REB = "buckie/port-reb, README.md and python/sample_port.json, licence not stated there"
BT = "pmorissette/bt, tests/test_algos.py and tests/test_core.py, MIT"
COREBALANCE = "kinacho/corebalance, src/lib/rebalance.test.ts, MIT"
PBAL = "cfreundlich/portfolio-balancer, tests/test_hard_rebal.py and test_try_avoid_sell.py, licence not stated there"
CALCULATOR = "rlandesman/rebalancing-calculator, backend/test_calculator.py, licence not stated there"
QUESTRADE = "DominikSchmidtlein/investment-portfolio-balancer, test/testdata/calculator_test, licence not stated there"
BRYCE = "brycethornton/rebalance, spec/rebalance/rebalancer_spec.rb, MIT"
TAXREBALANCE = "taxrebalance 0.2.0, tax_rebalancing/scenarios.py, MIT"
AIM = "audwls624/algorithms, AIM_algorithm.py, licence not stated there"
REBALANCER = "quantfaf/portfoliorebalancer, README.md, MIT"
BALANCE = "RikKierkels/BALANCE, balancer.spec.ts, licence not stated there"
DAVYDOG = "davydog187/portfolio, test/portfolio_test.exs, licence not stated there"

CJROTH = "cjroth/rebalancer (@cjroth/rebalance on npm), src/lib/rebalance.test.ts, licence not stated there"

COMMISSION = {"costs": {"per_trade": "1"}}
WHOLE_SHARES = [
    *(Case(f"sharpe {cash}", PYPFOPT, STOCKS, SHARPE, cash=cash) for cash in ("10000", "30000", "50000", "80000", "100000")),
    *(Case(f"hrp {cash}", PYPFOPT, STOCKS, HRP, cash=cash) for cash in ("30000", "50000", "100000")),
    Case("two funds evenly", PYVALLOCATION, {"AAA": "10", "BBB": "5"}, {"AAA": "0.5", "BBB": "0.5"}, cash="100"),
    Case("two funds that do not fit", PYVALLOCATION, {"AAA": "40", "BBB": "35"}, {"AAA": "0.7", "BBB": "0.3"}, cash="100"),
    Case("one fund too dear", PYVALLOCATION, {"AAA": "200", "BBB": "15"}, {"AAA": "0.95", "BBB": "0.05"}, cash="100"),
    Case("three funds, one too dear", PYVALLOCATION, {"AAA": "150", "BBB": "90", "CCC": "30"},
         {"AAA": "0.6", "BBB": "0.3", "CCC": "0.1"}, cash="120"),
    Case("round lots", PYVALLOCATION, {"AAA": "20", "BBB": "12"}, {"AAA": "0.4", "BBB": "0.6"}, cash="600",
         increments={"AAA": "5", "BBB": "3"}),
    Case("one of two", PYVALLOCATION, {"AAA": "40", "BBB": "35"}, {"AAA": "0.5", "BBB": "0.5"}, cash="50"),
    Case("two dear funds", PYVALLOCATION, {"AAA": "40", "BBB": "25"}, {"AAA": "0.6", "BBB": "0.4"}, cash="80"),
    Case("GOOG, AAPL and TSLA", PORT_REB, {"GOOG": "98", "AAPL": "22", "TSLA": "8"},
         {"GOOG": "0.6", "AAPL": "0.3", "TSLA": "0.1"}, held={"GOOG": "52", "AAPL": "136", "TSLA": "239"}),
    Case("a million won", AIM, {"A": "115000", "B": "51000", "C": "20000"}, {"A": "0.36", "B": "0.5", "C": "0.14"},
         cash="1000000"),
    Case("from one into another", BT, {"c1": "100", "c2": "100"}, {"c1": "0", "c2": "1"}, held={"c1": "10"}),
    Case("half after a move", BT, {"c1": "105", "c2": "95"}, {"c1": "0.6", "c2": "0.4"}, held={"c1": "4"}, cash="599"),
    Case("all in one, with a commission", BT, {"c1": "100", "c2": "100"}, {"c1": "1"}, cash="1000", rules=COMMISSION),
    Case("half in one, with a commission", BT, {"c1": "100", "c2": "100"}, {"c1": "0.5"}, cash="1000", rules=COMMISSION),
    Case("five funds of three classes", BRYCE,
         {"ABCDE": "10", "FGHIJ": "25", "KLMNO": "300", "PQRST": "32", "UVWXY": "5.5"},
         {"ABCDE": "0.15", "FGHIJ": "0.15", "KLMNO": "0.2", "PQRST": "0.25", "UVWXY": "0.25"},
         held={"ABCDE": "500", "FGHIJ": "300", "KLMNO": "75", "PQRST": "35.5", "UVWXY": "75"}),
    Case("seven classes of one owner", BRYCE,
         {"VTSAX": "28.42", "VPACX": "9.17", "VEURX": "21.97", "VGSIX": "16.61", "VBMFX": "11.01", "VIPSX": "14.10",
          "VISVX": "13.52"},
         {"VTSAX": "0.35", "VPACX": "0.18", "VEURX": "0.18", "VGSIX": "0.08", "VBMFX": "0.08", "VIPSX": "0.08",
          "VISVX": "0.05"},
         held={"VIPSX": "285.71", "VBMFX": "934.20", "VISVX": "293.85", "VGSIX": "231.16", "VTSAX": "1079.23",
               "VPACX": "33.43", "VEURX": "135.25"}, cash="14524.44"),
    Case("four sectors", TAXREBALANCE, dict.fromkeys(("XLK", "XLF", "XLV", "XLE"), "100"),
         dict.fromkeys(("XLK", "XLF", "XLV", "XLE"), "0.25"),
         held={"XLK": "350", "XLF": "300", "XLV": "200", "XLE": "150"}),
]  # fmt: skip

FOOBAR = {"FOO": "10", "BAR": "5"}
HALVES = {"FOO": "0.5", "BAR": "0.5"}
FOOBAR_HELD = {"FOO": "5000", "BAR": "20000"}
TECH = {"AAPL": "150", "MSFT": "100"}
TECH_WEIGHTS = {"AAPL": "0.6", "MSFT": "0.4"}
ABC = {"symbolA": "2", "symbolB": "1", "symbolC": "5"}
ABC_WEIGHTS = {"symbolA": "0.3", "symbolB": "0.3", "symbolC": "0.4"}
FUNDS = {"Stocks": "1", "Bonds": "1"}
NEVER = {"selling": "never"}

CASH_FLOWS = [
    Case("nothing new", PBAL, FOOBAR, HALVES, held=FOOBAR_HELD),
    Case("what makes it even", PBAL, FOOBAR, HALVES, held=FOOBAR_HELD, cash_flow="50000", rules=NEVER),
    Case("more than that", PBAL, FOOBAR, HALVES, held=FOOBAR_HELD, cash_flow="100000", rules=NEVER),
    Case("money out", PBAL, FOOBAR, HALVES, held=FOOBAR_HELD, cash_flow="-10000"),
    Case("money out, no buying", PBAL, FOOBAR, HALVES, held=FOOBAR_HELD, cash_flow="-10000",
         rules={"selling": "to_raise_cash"}),
    Case("into a balanced pair", COREBALANCE, TECH, TECH_WEIGHTS, held={"AAPL": "10", "MSFT": "10"}, cash_flow="1000",
         rules=NEVER),
    Case("into an unbalanced pair", COREBALANCE, TECH, TECH_WEIGHTS, held={"AAPL": "10", "MSFT": "5"}, cash_flow="1000",
         rules=NEVER),
    Case("one without a weight", COREBALANCE, TECH, {"AAPL": "1", "MSFT": "0"}, held={"AAPL": "10", "MSFT": "10"},
         cash_flow="1000", rules=NEVER),
    Case("into nothing", COREBALANCE, TECH, TECH_WEIGHTS, cash_flow="10000", rules=NEVER),
    Case("one euro", COREBALANCE, TECH, TECH_WEIGHTS, held={"AAPL": "10", "MSFT": "10"}, cash_flow="1", rules=NEVER),
    Case("three deviations", COREBALANCE, {"A": "10", "B": "10", "C": "10"}, {"A": "0.5", "B": "0.3", "C": "0.2"},
         held={"A": "10", "B": "5"}, cash_flow="150", rules=NEVER),
    Case("a fifth stays in cash", COREBALANCE, TECH, {"AAPL": "0.5", "MSFT": "0.3"}, cash_flow="1000", rules=NEVER),
    Case("all needed", QUESTRADE, ABC, ABC_WEIGHTS, held={"symbolA": "75", "symbolB": "250", "symbolC": "50"},
         cash_flow="350", rules=NEVER),
    Case("not all needed", QUESTRADE, ABC, ABC_WEIGHTS, held={"symbolA": "250", "symbolB": "150"}, cash_flow="350",
         rules=NEVER),
    Case("a stranger among them", QUESTRADE, {"symbolA": "1", "symbolB": "2", "symbolC": "0.5", "symbolD": "1"},
         {"symbolA": "0.2", "symbolB": "0.3", "symbolC": "0.5"},
         held={"symbolB": "100", "symbolC": "100", "symbolD": "100"}, cash_flow="650", rules=NEVER),
    Case("a thousand in proportion", CALCULATOR, FUNDS, {"Stocks": "0.6", "Bonds": "0.4"},
         held={"Stocks": "6000", "Bonds": "4000"}, cash_flow="1000", increments={"Stocks": "0.01", "Bonds": "0.01"},
         rules=NEVER),
    Case("a thousand out in proportion", CALCULATOR, FUNDS, {"Stocks": "0.6", "Bonds": "0.4"},
         held={"Stocks": "6000", "Bonds": "4000"}, cash_flow="-1000", increments={"Stocks": "0.01", "Bonds": "0.01"}),
    Case("cents", CALCULATOR, {"A": "1", "B": "1", "C": "1"}, {"A": "0.3333", "B": "0.3333", "C": "0.3334"},
         cash_flow="100", increments={"A": "0.01", "B": "0.01", "C": "0.01"}),
    Case("coins", REBALANCER, {"BTC": "44000", "ETH": "3000", "SOL": "100"}, {"BTC": "0.6", "ETH": "0.3", "SOL": "0.1"},
         held={"BTC": "0.14", "ETH": "0.9", "SOL": "5"}, cash_flow="1000",
         increments={"BTC": "0.001", "ETH": "0.01", "SOL": "0.1"}, rules=NEVER),
    Case("world and emerging", BALANCE, {"World": "10", "EM": "20", "S&P500": "40"},
         {"World": "0.5", "EM": "0.25", "S&P500": "0.25"}, held={"World": "10", "EM": "5", "S&P500": "5"},
         cash_flow="200", rules=NEVER),
    Case("five dollars", DAVYDOG, {"A": "1", "B": "2"}, {"A": "0.5", "B": "0.5"}, held={"A": "2", "B": "2"},
         cash_flow="5", rules=NEVER),
]  # fmt: skip


def household(accounts: dict[str, Numbers], prices: Numbers, weights: Numbers) -> dict[str, Any]:
    """A request of several accounts without cash; all but the one named taxable are free of tax."""
    told = [
        {
            "id": id_,
            "tax_treatment": "taxable" if id_ == "taxable" else "tax_free",
            "positions": [{"symbol": s, "quantity": q} for s, q in held.items()],
        }
        for id_, held in accounts.items()
    ]
    securities = {s: {"price": p} for s, p in prices.items()}
    return {"accounts": told, "securities": securities, "target": {"weights": weights}, "rules": {}}


# Nothing is sold, so the heaviest line sets the whole: max(held value ÷ weight) − what is there, in whole cents.
LEAST_CONTRIBUTIONS = {
    "2000": Case("bonds too light", CALCULATOR, FUNDS, {"Stocks": "0.6", "Bonds": "0.4"},
                 held={"Stocks": "6000", "Bonds": "2000"}),
    "0": Case("balanced", CALCULATOR, FUNDS, {"Stocks": "0.6", "Bonds": "0.4"}, held={"Stocks": "6000", "Bonds": "4000"}),
    "8000": Case("far too light", CALCULATOR, FUNDS, {"Stocks": "0.5", "Bonds": "0.5"},
                 held={"Stocks": "9000", "Bonds": "1000"}),
    "50000": Case("what makes it even", PBAL, FOOBAR, HALVES, held=FOOBAR_HELD),
    "500": Case("MSFT too light", COREBALANCE, TECH, TECH_WEIGHTS, held={"AAPL": "10", "MSFT": "5"}),
    "50": Case("three deviations", COREBALANCE, {"A": "10", "B": "10", "C": "10"}, {"A": "0.5", "B": "0.3", "C": "0.2"},
               held={"A": "10", "B": "5"}),
    # 6,160 ÷ 0.6 − 9,360 = 906.666…
    "906.67": Case("coins", REBALANCER, {"BTC": "44000", "ETH": "3000", "SOL": "100"},
                   {"BTC": "0.6", "ETH": "0.3", "SOL": "0.1"}, held={"BTC": "0.14", "ETH": "0.9", "SOL": "5"}),
}  # fmt: skip

EVEN = {"VTI": "100", "VXUS": "100"}
HOUSEHOLDS = {
    f"{CJROTH}: two accounts, two funds": household(
        {"roth": {"VTI": "70"}, "taxable": {"VXUS": "30"}}, EVEN, {"VTI": "0.5", "VXUS": "0.5"}
    ),
    f"{CJROTH}: two accounts, three funds": household(
        {"roth": {"VTI": "40", "VXUS": "30"}, "taxable": {"VTI": "20", "BND": "10"}},
        {**EVEN, "BND": "100"},
        {"VTI": "0.5", "VXUS": "0.3", "BND": "0.2"},
    ),
    f"{BRYCE}: too little in one account": household(
        {"wife": {"BBBBB": "10"}, "me": {"KLMNO": "75"}},
        {"BBBBB": "23", "KLMNO": "300"},
        {"BBBBB": "0.9", "KLMNO": "0.1"},
    ),
}
