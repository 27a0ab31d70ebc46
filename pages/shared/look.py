"""How money, weights and foreign text are written, and how an account is headed: the same on every page."""

import re
from decimal import Decimal

import streamlit as st

from allocation.imported import value_set_aside
from allocation.model import Account, Portfolio
from allocation.money import decimals, plain
from allocation.valuation import Valuation, printed_total

CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^])")
# Bare addresses become links whatever is escaped in them; an invisible word joiner (U+2060) keeps them text.
_ADDRESS = re.compile(r"(https?:|www(?=\.)|@)", re.IGNORECASE)
NOT_KNOWN = "—"


def money(amount: Decimal | None, currency: str) -> str:
    """'$1,234.50', '−€20.00', 'CHF 1,234.50'; a dash where it is not known."""
    if amount is None:
        return NOT_KNOWN
    sign = CURRENCY_SIGNS.get(currency, f"{currency} ")
    text = f"{abs(amount):,.2f}"
    return f"−{sign}{text}" if amount < 0 and float(text.replace(",", "")) else f"{sign}{text}"


def percent(weight: Decimal | None) -> str:
    """A fraction as '12.30 %'; a dash where it is not known."""
    return NOT_KNOWN if weight is None else f"{weight * 100:.2f} %".replace("-", "−")


def units(quantity: Decimal) -> str:
    """A quantity with the decimals it has: '1,204', '12.5'."""
    return f"{quantity:,.{min(decimals(Decimal(plain(quantity))), 6)}f}"


def beside_total(
    portfolio: Portfolio, valuation: Valuation, total: Decimal | None = None, left_out: Decimal = Decimal(0)
) -> str:
    """What is left out of the plan or set aside and so not in the total, and what it comes to with it; else empty.

    Args:
        portfolio: the account.
        valuation: what its holdings are worth.
        total: the total shown, where that is not what the holdings come to.
        left_out: what the lines are worth that a plan leaves out.
    """
    currency, aside = portfolio.account.currency, value_set_aside(portfolio)
    amounts = {"left out": left_out, "set aside": aside}
    said = " and ".join(f"{money(amount, currency)} {fate}" for fate, amount in amounts.items() if amount)
    if not said:
        lines = len(portfolio.set_aside)
        return f"{count(lines, 'line')} set aside without a value, not in the total." if lines else ""
    if valuation.unpriced:
        return f"{said}, not in the total."
    whole = (printed_total(portfolio, valuation) if total is None else total) + left_out + aside
    with_it = "them" if left_out and aside else "it"
    return f"{said}, not in the total; with {with_it} the account comes to {money(whole, currency)}."


def count(number: int, noun: str) -> str:
    """'1 trade', '3 trades'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def literal(text: str) -> str:
    """Text from a file or a person, to be shown letter by letter where Streamlit expects Markdown."""
    return _MARKDOWN.sub(r"\\\1", _ADDRESS.sub("\\1\u2060", text))


def account_label(account: Account) -> str:
    """What an account is called where it stands among others: "Brokerage · …4321"."""
    return " · ".join(filter(None, (account.name, account.masked_number)))


def account_header(portfolio: Portfolio) -> None:
    """The account's name as the page's title, and whose and how old it is."""
    account = portfolio.account
    st.title(literal(account.name), anchor=False)
    dated = f"holdings of {portfolio.as_of.day} {portfolio.as_of:%B %Y}" if portfolio.as_of else ""
    facts = [account.broker, account.masked_number, account.tax_treatment.replace("_", "-"), dated]
    st.caption(literal(" · ".join(filter(None, facts))))
    if account.note:
        st.markdown(f":material/lightbulb: {literal(account.note)}")


def no_account() -> None:
    """What a page about one account shows before one was chosen."""
    st.title("No account chosen", anchor=False)
    st.write("Choose an account, or import one from your broker's positions file.")
    st.page_link("pages/accounts.py", label="Open accounts", icon=":material/account_balance:")
