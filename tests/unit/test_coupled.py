"""The coupled solver against plain enumeration: same optimum, same ties down to the last, an honest bound."""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.rules import Objective
from allocation.solver.answer import answer
from allocation.solver.coupled.solving import solve_coupled
from allocation.solver.coupled.tax import Box, Levy, whole_tax
from allocation.solver.question import Cell, Holding, Purse, Question, Run, TaxRates

NOTHING = Run(0, 0, 0, 0)
RATE = Fraction(2, 5)


@dataclass(frozen=True)
class Effect:
    """One trade written out: what it uses, is worth, and realises."""

    k: int
    spends: int
    value: int
    short: int
    long: int


def effects_of(line: Holding) -> list[Effect]:
    """Every allowed trade of a line."""
    return [
        Effect(
            k,
            run.spends + run.per_step * n,
            line.step * k,
            run.short + run.short_per_step * n,
            run.long + run.long_per_step * n,
        )
        for run in line.runs
        for n, k in enumerate(range(run.low, run.high + 1))
    ]


def tax_on(rates: TaxRates, short: int, long: int) -> Fraction:
    """Net each term, then one against the other."""
    if short < 0 < long:
        short, long = 0, max(0, long + short)
    elif long < 0 < short:
        short, long = max(0, short + long), 0
    return rates.short * max(0, short) + rates.long * max(0, long)


def taxes_of(question: Question, trades: tuple[Effect, ...]) -> list[Fraction]:
    """What every purse owes."""
    if question.tax is None:
        return [Fraction(0) for _ in question.purses]
    short, long = ([0] * len(question.purses) for _ in range(2))
    for line, trade in zip(question.lines, trades, strict=True):
        if question.purses[line.account].taxable:
            short[line.account] += trade.short
            long[line.account] += trade.long
    total = tax_on(question.tax, sum(short), sum(long))
    own = [tax_on(question.tax, *gains) for gains in zip(short, long, strict=True)]
    if total and not sum(own):
        own = [Fraction(max(0, s + g)) for s, g in zip(short, long, strict=True)]
    return [total * part / sum(own) if total else Fraction(0) for part in own]


def rank(question: Question, trades: tuple[Effect, ...]) -> tuple[object, ...] | None:
    """All criteria of an answer in their order; None when a rule forbids it."""
    taxes = taxes_of(question, trades)
    purses = [Fraction(p.cash) - tax for p, tax in zip(question.purses, taxes, strict=True)]
    off = [cell.held - cell.target for cell in question.cells]
    misplaced = sold = cost = 0
    for line, trade in zip(question.lines, trades, strict=True):
        purses[line.account] -= trade.spends
        for cell, worth in line.worth:
            off[cell] += worth * trade.k
        misplaced += line.misplaced * trade.value
        cost += trade.spends - trade.value
        sold += max(0, -trade.value) if question.purses[line.account].taxable else 0
    count, turnover = sum(1 for t in trades if t.k), sum(abs(t.value) for t in trades)
    over = sum(purses) - question.reserve
    capped = (
        (count, question.most_trades),
        (turnover, question.most_turnover),
        (over, question.highest_cash),
        (sum(taxes), question.tax.most if question.tax else None),
    )
    if min(purses) < 0 or over < 0 or any(most is not None and amount > most for amount, most in capped):
        return None
    weighted = [(cell.weight, Fraction(each)) for cell, each in zip(question.cells, off, strict=True)]
    weighted.append((question.cash_weight, Fraction(over - question.cash_target)))
    distance = sum(w * (abs(d) if question.objective == Objective.L1 else d * d) for w, d in weighted)
    largest = max(map(abs, off), default=0)
    order = [(-abs(t.k), t.k) for t in trades]
    return distance, misplaced, cost + sum(taxes), sold, count, turnover, largest, order


def enumerate_best(question: Question) -> tuple[tuple[object, ...], tuple[int, ...]] | None:
    """The least rank of all, and its steps."""
    best = None
    for trades in product(*map(effects_of, question.lines)):
        found = rank(question, trades)
        if found is not None and (best is None or found < best[0]):
            best = found, tuple(t.k for t in trades)
    return best


def a_random_line(random: Random, accounts: int, prices: list[int], most: int, *, losses: bool) -> Holding:
    """A security of one cell, or one spread over several, with fees, a spread, a minimum and lots."""
    cell = random.randrange(len(prices))
    step = prices[cell]
    worth: tuple[tuple[int, int], ...] = ((cell, step),)
    if random.random() < 0.25:
        step = random.randint(3, 60)
        part = random.randint(0, step)
        cells = random.sample(range(len(prices)), min(len(prices), random.randint(0, 2)))
        worth = tuple(zip(cells, (part, step - part) if len(cells) == 2 else (step,), strict=False))
    fee, spread, least = random.choice([0, 0, 1, 3]), random.choice([0, 0, 1, 2]), random.choice([1, 1, 1, 2])
    held = random.choice([0, random.randint(0, most), random.randint(0, most)])
    highest = random.choice([0, *[random.randint(0, most)] * 4])
    short, long = (random.randint(-6 if losses else 0, 8) for _ in range(2))
    runs = [NOTHING]
    if held >= least:
        first = random.randint(least, held)
        kept = step - spread
        runs.insert(0, Run(-first, -least, fee - kept * first, kept, short * first, -short))
        if first < held:
            sold = fee - kept * held
            runs.insert(0, Run(-held, -first - 1, sold, kept, short * first, 0, long * (held - first), -long))
    if highest >= least:
        runs.append(Run(least, highest, fee + (step + spread) * least, step + spread))
    if len(runs) > 1 and random.random() < 0.05:
        runs.pop(random.randrange(len(runs)))
    rank_here = random.choice([0, 0, 0, 1, 2]) if accounts > 1 else 0
    return Holding(random.randrange(accounts), step, tuple(runs), worth, rank_here)


def a_random_question(random: Random) -> Question:
    """Up to five lines in up to three accounts, with every kind of coupling mixed."""
    accounts, n, cells = random.choice([1, 1, 2, 3]), random.randint(1, 5), random.randint(1, 4)
    most = {1: 12, 2: 6, 3: 4, 4: 2, 5: 1}[n]
    even = random.random() < 0.5
    prices = [random.choice([5, 10, 20]) if even else random.randint(3, 60) for _ in range(cells)]
    losses = random.random() < 0.6
    weighted = random.random() < 0.3
    rates = TaxRates(
        Fraction(random.choice([0, 1, 2, 3]), random.choice([4, 5])),
        Fraction(random.choice([0, 1, 1]), random.choice([4, 5])),
        random.choice([None, None, random.randint(0, 15)]),
    )
    return Question(
        tuple(a_random_line(random, accounts, prices, most, losses=losses) for _ in range(n)),
        tuple(
            Cell(random.randint(0, 100), random.randint(0, 150), random.choice([1, 2, 3]) if weighted else 1)
            for _ in range(cells)
        ),
        tuple(
            Purse(random.randint(-20 if random.random() < 0.3 else 0, 80), random.random() < 0.6)
            for _ in range(accounts)
        ),
        random.choice(list(Objective)),
        random.choice([0, 0, random.randint(0, 50)]),
        random.choice([1, 1, 1, 0, 2]),
        random.choice([0, 0, random.randint(0, 20)]),
        random.choice([None] * 8 + [random.randint(0, 40)]),
        random.choice([None, None, random.randint(0, n)]),
        random.choice([None, None, random.randint(0, 200)]),
        rates if random.random() < 0.5 else None,
    )


def check_against_enumeration(question: Question, seed: int) -> None:
    best, found = enumerate_best(question), answer(question)
    assert (best is None) == (found is None), seed
    if best is not None and found is not None:
        assert found.steps == best[1], seed
        assert found.value == best[0][0], seed
        assert found.proved, seed


@pytest.mark.parametrize("block", range(10))
def test_small_questions_are_answered_as_enumeration_answers_them_ties_included(block: int) -> None:
    for seed in range(block * 200, block * 200 + 200):
        check_against_enumeration(a_random_question(Random(seed)), seed)


def a_random_question_by_class(random: Random) -> Question:
    """One account in which several securities fill each class, trading free, with minimum trades and missing trades."""
    n, cells = random.randint(2, 5), random.randint(1, 3)
    most = {2: 12, 3: 6, 4: 4, 5: 3}[n]
    lines = []
    for _ in range(n):
        step = random.choice([5, 10, 20]) if random.random() < 0.4 else random.randint(3, 60)
        held = random.choice([0, random.randint(0, most), random.randint(0, most)])
        highest = random.choice([0, random.randint(0, most), random.randint(1, most)])
        least = random.choice([1, 1, 1, 2])
        runs = [NOTHING]
        if held >= least:
            runs.insert(0, Run(-held, -least, -held * step, step))
        if highest >= least:
            runs.append(Run(least, highest, least * step, step))
        if len(runs) > 1 and random.random() < 0.06:
            runs.pop(random.randrange(len(runs)))
        lines.append(Holding(0, step, tuple(runs), ((random.randrange(cells), step),), random.choice([0] * 8 + [1, 2])))
    weighted = random.random() < 0.3
    return Question(
        tuple(lines),
        tuple(
            Cell(random.randint(0, 200), random.randint(0, 250), random.choice([1, 2, 3]) if weighted else 1)
            for _ in range(cells)
        ),
        (Purse(random.randint(-40 if random.random() < 0.3 else 0, 150), random.random() < 0.6),),
        random.choice(list(Objective)),
        random.choice([0, 0, random.randint(0, 50)]),
        random.choice([1, 1, 0, 2]),
        random.choice([0, 0, random.randint(0, 20)]),
        random.choice([None] * 8 + [random.randint(0, 40)]),
    )


@pytest.mark.parametrize("block", range(4))
def test_several_securities_to_a_class_are_traded_as_enumeration_trades_them_ties_included(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        check_against_enumeration(a_random_question_by_class(Random(seed)), seed)


def classes_of_an_account(random: Random, objective: Objective) -> Question:
    """Ten securities in whole shares in four classes, some of them far from where they should be."""
    prices = [random.randint(2_000, 40_000) for _ in range(10)]
    shares = [random.randint(0, 20) for _ in prices]
    places = [n % 4 for n in range(10)]
    whole = sum(p * n for p, n in zip(prices, shares, strict=True)) + 100_000
    held = [sum(p * n for p, n, at in zip(prices, shares, places, strict=True) if at == c) for c in range(4)]
    lines = tuple(
        Holding(0, p, (*([Run(-n, -1, -n * p, p)] if n else []), NOTHING, Run(1, whole // p, p, p)), ((at, p),))
        for p, n, at in zip(prices, shares, places, strict=True)
    )
    targets = [whole * weight // 100 for weight in (40, 30, 20, 10)]
    cells = tuple(Cell(value, target) for value, target in zip(held, targets, strict=True))
    return Question(lines, cells, (Purse(100_000),), objective, whole - sum(targets))


@pytest.mark.parametrize("objective", [Objective.L2, Objective.L1])
@pytest.mark.parametrize("seed", range(2))
def test_ten_securities_in_four_classes_are_proved_best(objective: Objective, seed: int) -> None:
    found = answer(classes_of_an_account(Random(seed), objective))

    assert found is not None
    assert found.proved
    assert found.value <= (5_000 if objective == Objective.L1 else 2_000**2)


def a_household(random: Random, accounts: int, securities: int, objective: Objective) -> Question:
    """Whole shares of every security in every account, some cash in each, one target."""
    prices = [random.randint(2_000, 40_000) for _ in range(securities)]
    lines, held, cash = [], [0] * securities, [random.randint(0, 500_000) for _ in range(accounts)]
    for account in range(accounts):
        for cell, price in enumerate(prices):
            shares = random.choice([0, random.randint(1, 60)])
            held[cell] += shares * price
            runs = [NOTHING, Run(1, 200, price, price)]
            runs[:0] = [Run(-shares, -1, -shares * price, price)] if shares else []
            lines.append(Holding(account, price, tuple(runs), ((cell, price),), random.choice([0, 1, 2])))
    whole = sum(held) + sum(cash)
    cells = tuple(Cell(value, whole // securities) for value in held)
    purses = tuple(Purse(money, taxable=n == 0) for n, money in enumerate(cash))
    return Question(tuple(lines), cells, purses, objective, whole - sum(cell.target for cell in cells))


@pytest.mark.parametrize("objective", [Objective.L2, Objective.L1])
@pytest.mark.parametrize(("accounts", "securities"), [(3, 25), (6, 40)])
def test_a_household_comes_up_to_the_best_that_freely_moving_cash_could_do(
    accounts: int, securities: int, objective: Objective
) -> None:
    question = a_household(Random(accounts), accounts, securities, objective)

    found = answer(question)

    assert found is not None
    assert found.proved
    chosen = tuple(
        next(e for e in effects_of(line) if e.k == k) for line, k in zip(question.lines, found.steps, strict=True)
    )
    ranked = rank(question, chosen)
    assert ranked is not None
    assert ranked[0] == found.value


@pytest.mark.parametrize("objective", [Objective.L2, Objective.L1])
@pytest.mark.parametrize("seed", range(2))
def test_a_limit_on_trades_of_thirty_lines_is_proved_under_l2_and_bounded_under_l1(
    objective: Objective, seed: int
) -> None:
    random = Random(seed)
    prices = [random.randint(2_000, 40_000) for _ in range(30)]
    shares = [random.randint(0, 60) for _ in prices]
    whole = sum(p * n for p, n in zip(prices, shares, strict=True)) + 300_000
    weights = [random.randint(1, 100) for _ in prices]
    lines = tuple(
        Holding(0, p, (*([Run(-n, -1, -n * p, p)] if n else []), NOTHING, Run(1, whole // p, p, p)), ((i, p),))
        for i, (p, n) in enumerate(zip(prices, shares, strict=True))
    )
    cells = tuple(Cell(p * n, whole * w // sum(weights)) for p, n, w in zip(prices, shares, weights, strict=True))
    left = whole - sum(cell.target for cell in cells)
    question = Question(lines, cells, (Purse(300_000),), objective, left, most_trades=4)

    few, more = answer(question), answer(replace(question, most_trades=8))

    assert few is not None
    assert more is not None
    assert few.proved or objective == Objective.L1
    assert few.bound <= few.value
    assert sum(1 for k in few.steps if k) <= 4
    assert more.bound <= more.value < few.value


@pytest.mark.parametrize("seed", range(2))
def test_a_limit_on_turnover_under_l1_is_used_up_to_a_few_points(seed: int) -> None:
    free = a_household(Random(seed), 1, 20, Objective.L1)
    whole = sum(cell.held for cell in free.cells) + free.purses[0].cash
    question = replace(free, most_turnover=whole // 10)

    found = answer(question)

    assert found is not None
    assert found.bound <= found.value
    assert found.value - found.bound <= whole // 500
    turnover = sum(abs(line.step * k) for line, k in zip(question.lines, found.steps, strict=True))
    assert whole // 11 <= turnover <= whole // 10


def test_two_accounts_with_three_securities_that_pay_for_trades_are_proved_best() -> None:
    prices, held, targets = (7231, 25010, 6120), ((20, 0), (0, 10), (15, 0)), (157880, 265238, 176826)
    lines = []
    for cell, (price, shares) in enumerate(zip(prices, held, strict=True)):
        for account, most in enumerate(shares):
            sales = [with_a_fee(Run(-most, -1, -most * price, price))] if most else []
            buys = with_a_fee(Run(1, 350_000 // price, price, price))
            lines.append(Holding(account, price, (*sales, NOTHING, buys), ((cell, price),)))
    cells = tuple(Cell(p * sum(n), target) for p, n, target in zip(prices, held, targets, strict=True))
    purses = (Purse(30_000, taxable=False), Purse(125_000))
    question = Question(tuple(lines), cells, purses, Objective.L2, 31_576, reserve=10_000)

    found = answer(question)

    assert found is not None
    assert found.proved


def a_taxed_account(random: Random, securities: int) -> Question:
    """One account whose positions have two lots each, at gains and at losses, short and long term."""
    prices = [random.randint(2_000, 40_000) for _ in range(securities)]
    lines, held = list[Holding](), list[int]()
    for cell, price in enumerate(prices):
        shares, last = random.randint(4, 40), random.randint(1, 3)
        held.append(shares * price)
        short, long = (random.randint(-price // 4, price // 3) for _ in range(2))
        runs = (
            Run(-shares, -last - 1, -shares * price, price, short * last, 0, long * (shares - last), -long),
            Run(-last, -1, -last * price, price, short * last, -short),
            NOTHING,
            Run(1, 200, price, price),
        )
        lines.append(Holding(0, price, runs, ((cell, price),)))
    whole, weights = sum(held) + 100_000, [random.randint(1, 100) for _ in prices]
    cells = tuple(Cell(value, whole * w // sum(weights)) for value, w in zip(held, weights, strict=True))
    left = whole - sum(cell.target for cell in cells)
    return Question(tuple(lines), cells, (Purse(100_000),), Objective.L2, left, tax=TaxRates(RATE, RATE / 2))


@pytest.mark.parametrize("seed", range(3))
def test_losses_netted_against_gains_are_proved_best_with_and_without_a_cap(seed: int) -> None:
    question = a_taxed_account(Random(seed), 7)

    free = answer(question)
    capped = answer(replace(question, tax=TaxRates(RATE, RATE / 2, 20_000)))

    assert free is not None
    assert capped is not None
    assert free.proved
    assert capped.proved
    assert free.value <= capped.value


@given(st.lists(st.integers(-9, 9), min_size=4, max_size=4), st.lists(st.integers(-5, 5), min_size=4, max_size=4))
def test_the_least_that_gains_within_reach_cost_is_at_a_corner(ends: list[int], prices: list[int]) -> None:
    rates = TaxRates(Fraction(abs(prices[3]), 1), Fraction(2))
    short, long = sorted(ends[:2]), sorted(ends[2:])
    everything = Box(-9, 9, -9, 9)
    some = Box(short[0], short[1], long[0], long[1])
    levy = Levy(whole_tax(rates), (prices[0], prices[1], prices[2]), everything)

    def cost(s: int, g: int) -> Fraction:
        return prices[0] * tax_on(rates, s, g) - prices[1] * s - prices[2] * g

    least = min(cost(s, g) for s in range(-9, 10) for g in range(-9, 10))
    there = min(cost(s, g) for s in range(short[0], short[1] + 1) for g in range(long[0], long[1] + 1))
    assert levy.least == least
    assert levy.regret_within(some) == there - least


@pytest.mark.parametrize(("short", "long"), [(3, 1), (1, 3), (2, 2), (0, 1), (1, 0)])
def test_a_netted_tax_is_convex_on_each_part(short: int, long: int) -> None:
    rates, reach = TaxRates(Fraction(short), Fraction(long)), Box(-6, 6, -6, 6)

    parts = reach.convex_parts(rates)

    covered = set[tuple[int, int]]()
    for part in parts:
        inside = [
            (s, g) for s in range(part.short_low, part.short_high + 1) for g in range(part.long_low, part.long_high + 1)
        ]
        covered |= set(inside)
        for a, b in product(inside, inside):
            if (a[0] + b[0]) % 2 == 0 and (a[1] + b[1]) % 2 == 0:
                middle = tax_on(rates, (a[0] + b[0]) // 2, (a[1] + b[1]) // 2)
                assert 2 * middle <= tax_on(rates, *a) + tax_on(rates, *b)
    assert covered == set(product(range(-6, 7), repeat=2))


@pytest.mark.parametrize("objective", [Objective.L2, Objective.L1])
def test_a_large_household_that_pays_for_every_trade_has_a_plan_with_a_close_bound(objective: Objective) -> None:
    free = a_household(Random(5), 5, 60, objective)
    question = replace(free, lines=tuple(replace(line, runs=tuple(map(with_a_fee, line.runs))) for line in free.lines))

    found = answer(question)

    assert found is not None
    assert found.bound <= found.value
    root = 0.5 if objective == Objective.L2 else 1
    whole = sum(cell.held for cell in free.cells) + sum(purse.cash for purse in free.purses)
    assert float(found.value) ** root - float(found.bound) ** root <= whole / 10_000
    chosen = tuple(
        next(e for e in effects_of(line) if e.k == k) for line, k in zip(question.lines, found.steps, strict=True)
    )
    ranked = rank(question, chosen)
    assert ranked is not None
    assert ranked[0] == found.value


def with_a_fee(run: Run) -> Run:
    """The same trades, each for a fee of 100."""
    return replace(run, spends=run.spends + 100) if run.low or run.high else run


def test_what_cannot_be_paid_in_one_account_is_not_paid_by_another() -> None:
    poor = Holding(0, 10, (Run(-1, -1, -10, 10),), ((0, 10),))
    rich = Holding(1, 10, (NOTHING,), ((1, 10),))
    question = Question((poor, rich), (Cell(10, 0), Cell(0, 0)), (Purse(-11), Purse(100)), Objective.L2, 0)

    assert answer(question) is None
    assert answer(replace(question, purses=(Purse(-10), Purse(100)))) is not None


questions = st.integers(min_value=10**6, max_value=10**9).map(lambda seed: a_random_question(Random(seed)))


@given(questions)
@settings(max_examples=60, deadline=None)
def test_a_looser_cap_is_never_worse(question: Question) -> None:
    looser = (
        replace(question, most_trades=None),
        replace(question, most_turnover=None),
        replace(question, highest_cash=None),
        replace(question, tax=question.tax and replace(question.tax, most=None)),
    )

    strict = solve_coupled(question)

    for each in looser:
        found = solve_coupled(each)
        assert strict is None or (found is not None and found.value <= strict.value)


@given(questions, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_accounts_changes_nothing(question: Question, random: Random) -> None:
    places = list(range(len(question.purses)))
    random.shuffle(places)
    purses = [question.purses[places.index(n)] for n in range(len(places))]
    moved = tuple(replace(line, account=places[line.account]) for line in question.lines)

    assert solve_coupled(replace(question, lines=moved, purses=tuple(purses))) == solve_coupled(question)


@given(questions, st.integers(min_value=2, max_value=1000))
@settings(max_examples=40, deadline=None)
def test_a_finer_grain_changes_no_trade(question: Question, parts: int) -> None:
    finer = in_finer_grains(question, parts)

    before, after = solve_coupled(question), solve_coupled(finer)

    assert (before and before.steps) == (after and after.steps)


def in_finer_grains(question: Question, parts: int) -> Question:
    """The same question in a smaller unit of money."""

    def finer(run: Run) -> Run:
        money = (run.spends, run.per_step, run.short, run.short_per_step, run.long, run.long_per_step)
        return Run(run.low, run.high, *(amount * parts for amount in money))

    def more(amount: int | None) -> int | None:
        return None if amount is None else amount * parts

    return replace(
        question,
        lines=tuple(
            replace(
                line,
                step=line.step * parts,
                runs=tuple(map(finer, line.runs)),
                worth=tuple((cell, worth * parts) for cell, worth in line.worth),
            )
            for line in question.lines
        ),
        cells=tuple(Cell(cell.held * parts, cell.target * parts, cell.weight) for cell in question.cells),
        purses=tuple(replace(purse, cash=purse.cash * parts) for purse in question.purses),
        cash_target=question.cash_target * parts,
        reserve=question.reserve * parts,
        highest_cash=more(question.highest_cash),
        most_turnover=more(question.most_turnover),
        tax=question.tax and replace(question.tax, most=more(question.tax.most)),
    )
