"""Which account? The user's accounts, and the way in for a broker's export: read, shown, and only then saved."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import streamlit as st

from allocation.allocation import Session, select_account
from allocation.authorisation import Verb
from allocation.bootstrap import TEMPLATE, read_accounts
from allocation.errors import AllocationError
from allocation.imported import (
    LONGEST_NAME,
    Choice,
    ImportedFile,
    Reconciliation,
    Tally,
    is_unchanged,
    propose,
    with_choices,
)
from allocation.model import Account, Portfolio
from pages.shared.account_card import TAXED, show_account
from pages.shared.import_tables import positions_table, problems_table
from pages.shared.link_card import linked_accounts, show_loose_links
from pages.shared.link_dialog import SAVED, show_way_to_link
from pages.shared.look import account_label, count, literal, money
from pages.shared.state import require_session
from pages.shared.tables import set_aside_table

LARGEST_MEGABYTES = 5
_ROUND = "accounts.round"


def show_page() -> None:
    """The accounts, an import under way, and how to begin one."""
    session = require_session()
    st.title("Accounts", anchor=False)
    accounts = session.accounts.list()
    show_saved(accounts)
    welcome = st.container()
    file = ask_for_file(session)
    if file:
        show_preview(session, file, accounts)
        return
    show_way_to_link(session)
    if not accounts:
        with welcome:
            show_welcome()
    linked = linked_accounts(session)
    for account in accounts:
        show_account(session, account, linked.get(account.id))
    show_loose_links(session, linked)
    show_help(expanded=not accounts)


# ── The accounts there are ──────────────────────────────────────────────────────────────────────────────────────────


def show_saved(accounts: tuple[Account, ...]) -> None:
    """What the last import saved, and the way on; said once."""
    saved = st.session_state.pop(SAVED, ())
    names = {account.id: account.name for account in accounts if account.id in saved}
    if names:
        st.success(f"Saved: {literal(', '.join(names.values()))}.", icon=":material/check_circle:")
        first = literal(names.get(saved[0], "it"))
        st.page_link("pages/rebalance.py", label=f"Rebalance {first} now", icon=":material/balance:")


def show_welcome() -> None:
    """What somebody without an account does first."""
    st.info(
        "You have no account yet. Download the positions of your account from your broker as a CSV file and choose "
        "that file below, or link a broker. You see everything that was read from a file before anything is saved.",
        icon=":material/waving_hand:",
    )


# ── A new file ──────────────────────────────────────────────────────────────────────────────────────────────────────


def ask_for_file(session: Session) -> ImportedFile | None:
    """The file the user chose, read; a file that cannot be read is explained."""
    hint = " In the demo it is read into this visit only and gone with it." if session.user.demo else ""
    upload = st.file_uploader(
        "Import a positions file",
        key=f"accounts.upload.{st.session_state.get(_ROUND, 0)}",
        max_upload_size=LARGEST_MEGABYTES,
    )
    st.caption(
        "Fidelity, Schwab, Vanguard, E*TRADE, Interactive Brokers, OFX/QFX, Ghostfolio, Wealthfolio, Portfolio Performance, "
        f"or the generic CSV or XLSX. Nothing is saved before you agree.{hint}"
    )
    if upload is None:
        return None
    try:
        return read_accounts(upload.getvalue(), upload.name, datetime.now(UTC))
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return None


def show_preview(session: Session, file: ImportedFile, saved: tuple[Account, ...]) -> None:
    """Everything that was read, account by account, with the choices that only the user can make."""
    st.header(f"Preview: {file.format}, {count(len(file.portfolios), 'account')}", anchor=False)
    for note in file.notes:
        st.caption(literal(note))
    show_problems(file)
    choices = {}
    for portfolio, reconciliation in zip(file.portfolios, file.reconciliations, strict=True):
        with st.container(border=True, key=f"accounts-preview-{portfolio.account.id}"):
            if len(file.portfolios) > 1 and not ask_whether(portfolio):
                continue
            into = ask_into(session, portfolio, saved)
            choices[portfolio.account.id] = ask_choice(portfolio, propose(portfolio, saved), into)
            show_what_changes(session, portfolio, saved, into)
            show_sums(portfolio, reconciliation)
            show_holdings(portfolio, reconciliation)
    show_decision(session, file.only(choices), choices)


def show_problems(file: ImportedFile) -> None:
    """The lines that could not be read, with their number in the file and the reason."""
    if file.problems:
        st.warning(
            f"Look at {count(len(file.problems), 'line')} of the file that could not be read or contradicts itself. "
            "What was not read is in no sum below.",
            icon=":material/warning:",
        )
        problems_table(file.problems)


def ask_whether(portfolio: Portfolio) -> bool:
    """Whether to import this account of several; one that holds nothing is not, unless the user wants it."""
    account = portfolio.account
    label = literal(" ".join(filter(None, ("Import", account.name, account.masked_number))))
    holds = bool(portfolio.positions or portfolio.cash or portfolio.set_aside)
    return st.checkbox(label, holds, key=f"accounts.chosen.{account.id}")


def ask_into(session: Session, portfolio: Portfolio, saved: tuple[Account, ...]) -> str:
    """Whose account it is: one of the user's own, or one shared with them that they may import into. Its id, or empty."""
    imported = portfolio.account
    shared = {
        account.id: account_label(account)
        for account in saved
        if account.owner and account.currency == imported.currency
    }
    may_import = {key: label for key, label in shared.items() if not session.accounts.why_not(Verb.IMPORT, key)}
    if not may_import:
        return ""
    labels = {"": "An account of my own", **may_import}
    key = f"accounts.into.{imported.id}"
    return st.selectbox("Save it as", list(labels), key=key, format_func=labels.__getitem__)


def ask_choice(portfolio: Portfolio, proposed: Choice, into: str) -> Choice:
    """Name and taxes of an account; those of somebody else's account stay."""
    if into:
        return replace(proposed, into=into)
    key = portfolio.account.id
    name_column, tax_column = st.columns(2)
    name = name_column.text_input("Account name", proposed.name, max_chars=LONGEST_NAME, key=f"accounts.name.{key}")
    treatments = list(TAXED)
    taxed = tax_column.selectbox(
        "Taxes",
        treatments,
        index=treatments.index(proposed.tax_treatment),
        format_func=TAXED.__getitem__,
        key=f"accounts.taxed.{key}",
        help="The file does not say it; this is what the account's name suggests.",
    )
    return Choice(name, taxed)


def show_what_changes(session: Session, portfolio: Portfolio, saved: tuple[Account, ...], into: str) -> None:
    """Whether the account is new, or what happens to the one that is there."""
    account = portfolio.account
    facts = " · ".join(filter(None, (account.broker, account.masked_number, account.currency)))
    if into:
        st.caption(literal(f"{facts} · replaces the holdings of the shared account; its name, taxes and target stay"))
    elif account.id not in {known.id for known in saved}:
        st.caption(literal(f"{facts} · new account"))
    elif is_unchanged(portfolio, session.store.portfolio(session.user.id, account.id)):
        st.caption(literal(f"{facts} · the same holdings are saved already; only dates and prices change"))
    else:
        st.caption(literal(f"{facts} · replaces the holdings saved before; the target stays"))


def show_sums(portfolio: Portfolio, reconciliation: Reconciliation) -> None:
    """What was read beside the file's own total in each currency, to the cent, and all of it where the file has rates."""
    own = Tally(
        portfolio.account.currency, reconciliation.our_total, reconciliation.priced_total, reconciliation.file_total
    )
    cash = {own.currency: portfolio.cash, **portfolio.balances}
    several = bool(reconciliation.elsewhere)
    for tally in (own, *reconciliation.elsewhere):
        show_tally(tally, {f"Cash in {tally.currency}" if several else "Cash in it": cash.get(tally.currency)})
    if reconciliation.whole:
        st.caption(f"All of it in {own.currency}, at the file's own exchange rates:")
        show_tally(reconciliation.whole, {})
    if not reconciliation.agrees:
        st.warning("What was read does not add up to the file's own total. Compare the lines before you save.")
    elif own.difference == 0 or reconciliation.whole:
        st.caption(":material/check_circle: Agrees with the file's total to the cent.")
    else:
        st.caption("The file has no total for this account to compare with.")
    if own.priced_total != own.our_total:
        at_prices = literal(money(own.priced_total, own.currency))
        st.caption(f"At the prices as printed it comes to {at_prices}: the broker rounds what it prints.")


def show_tally(tally: Tally, cash: dict[str, Decimal | None]) -> None:
    """The figures of one currency."""
    figures: dict[str, Decimal | None] = {"Read from the file": tally.our_total}
    figures |= {label: amount for label, amount in cash.items() if amount is not None}
    if tally.difference is not None:
        figures |= {"The file's total": tally.file_total, "Difference": tally.difference}
    with st.container(horizontal=True):
        for label, amount in figures.items():
            st.metric(label, literal(money(amount, tally.currency)), border=True)


def show_holdings(portfolio: Portfolio, reconciliation: Reconciliation) -> None:
    """Positions, what is never traded, and how the file was read."""
    if portfolio.positions:
        positions_table(portfolio)
    if portfolio.set_aside:
        st.markdown("**Not traded**")
        set_aside_table(portfolio)
    for note in reconciliation.notes:
        st.caption(literal(note))


def show_decision(session: Session, file: ImportedFile, choices: dict[str, Choice]) -> None:
    """Save all of it or nothing."""
    agreed = file.is_complete or st.checkbox(
        "I have seen what was not read or does not add up, and want to save the rest.", key="accounts.agreed"
    )
    with st.container(horizontal=True):
        label = "Save account" if len(choices) == 1 else f"Save {len(choices)} accounts"
        ready = agreed and bool(choices)
        if st.button(label, key="accounts.save", type="primary", icon=":material/save:", disabled=not ready):
            save(session, file, choices)
        if st.button("Cancel", key="accounts.cancel"):
            begin_again(())


def save(session: Session, file: ImportedFile, choices: dict[str, Choice]) -> None:
    """Keep every account of the file and select the first."""
    try:
        portfolios = with_choices(file, choices)
        session.store.save_portfolios(session.user.id, portfolios)
        select_account(session, portfolios[0].account.id)
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    begin_again(tuple(portfolio.account.id for portfolio in portfolios))


def begin_again(saved: tuple[str, ...]) -> None:
    """Put the file away; the uploader starts empty under a new key."""
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state[SAVED] = saved
    st.rerun()


# ── Help ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_help(*, expanded: bool) -> None:
    """Where the brokers keep their download, and the generic CSV."""
    with st.expander("How to get the file", icon=":material/help:", expanded=expanded):
        st.markdown(
            "- **Fidelity**: Accounts & Trade → Portfolio → Positions, then the download arrow above the table.\n"
            "- **Schwab**: Accounts → Positions, choose an account or *All accounts*, then *Export* at the top right.\n"
            "- **Vanguard**: Activity → Download center, format *CSV*, any date range, then download.\n"
            "- **E*TRADE**: Portfolios → All Positions, expand the positions to get their tax lots, then download.\n"
            "- **Interactive Brokers**: Performance & Reports → Statements → Activity, as CSV; or a Flex query with Open "
            "Positions and Cash Report, as XML.\n"
            "- **Ghostfolio, Wealthfolio, Portfolio Performance**: the export of all activities.\n"
            "- **Any other broker**: its OFX or QFX (Quicken) download of an investment account, or fill in the generic CSV. "
            "`symbol` and `quantity` are enough; several lines of one symbol are tax lots; a line `CASH` holds the money."
        )
        st.download_button(
            "Generic CSV template",
            TEMPLATE,
            "evenkeel-template.csv",
            "text/csv",
            key="accounts.template",
            icon=":material/download:",
            on_click="ignore",
        )


show_page()
