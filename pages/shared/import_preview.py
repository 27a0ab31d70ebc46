"""A file that was read, before it is saved: what it holds, what it changes, whether it adds up, and the user's word on it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import streamlit as st

from allocation.allocation import Session, select_account
from allocation.authorisation import Verb
from allocation.errors import AllocationError
from allocation.holding_changes import Changes, compare, refuse_vanished
from allocation.imported import (
    LONGEST_NAME,
    Choice,
    ImportedFile,
    Reconciliation,
    Tally,
    is_unchanged,
    propose,
    refuse_same,
    with_choices,
)
from allocation.model import Account, Portfolio
from pages.shared.account_card import TAXED
from pages.shared.import_tables import changes_table, positions_table, problems_table
from pages.shared.import_upload import Upload, put_file_away
from pages.shared.link_dialog import SAVED
from pages.shared.look import account_label, count, literal, money
from pages.shared.tables import set_aside_table


def show_preview(session: Session, upload: Upload, saved: tuple[Account, ...]) -> None:
    """Everything that was read, account by account, with the choices that only the user can make."""
    file = upload.file
    st.header(f"Preview: {file.format}, {count(len(file.portfolios), 'account')}", anchor=False)
    for note in file.notes:
        st.caption(literal(note))
    show_seen_before(session.store.imported_at(session.user.id, file.digest))
    show_problems(file)
    choices: dict[str, Choice] = {}
    confirmed: set[str] = set()
    for portfolio, reconciliation in zip(file.portfolios, file.reconciliations, strict=True):
        with st.container(border=True, key=f"accounts-preview-{portfolio.account.id}"):
            if len(file.portfolios) > 1 and not ask_whether(portfolio):
                continue
            into = ask_into(session, portfolio, saved)
            choices[portfolio.account.id] = ask_choice(portfolio, propose(portfolio, saved), into)
            if show_what_changes(session, portfolio, saved, into):
                confirmed.add(portfolio.account.id)
            show_sums(portfolio, reconciliation)
            show_holdings(portfolio, reconciliation)
    show_decision(session, replace(upload, file=file.only(choices)), choices, confirmed)


def show_seen_before(imported: datetime | None) -> None:
    """That this very file was saved before (UPLOAD_SAME)."""
    if imported:
        st.info(
            f"You saved what this very file holds on {imported.astimezone(UTC):%Y-%m-%d at %H:%M} UTC. Nothing is imported twice: "
            "saving it again puts the holdings back as they are in the file, if they have changed since.",
            icon=":material/content_copy:",
        )


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


def show_what_changes(session: Session, portfolio: Portfolio, saved: tuple[Account, ...], into: str) -> bool:
    """Whether the account is new, or what happens to the one that is there; whether that may be saved as it is."""
    account = portfolio.account
    facts = " · ".join(filter(None, (account.broker, account.masked_number, account.currency)))
    if not into and account.id not in {known.id for known in saved}:
        st.caption(literal(f"{facts} · new account"))
        return True
    before = session.store.portfolio(session.user.id, into or account.id)
    if is_unchanged(portfolio, before):
        st.caption(literal(f"{facts} · the same holdings are saved already; only dates and prices change"))
        return True
    stays = "its name, taxes and target stay" if into else "the target stays, and so do locks and drafts"
    whose = "of the shared account" if into else "saved before"
    st.caption(literal(f"{facts} · replaces the holdings {whose}; {stays}"))
    return show_changes(compare(before, portfolio), before, portfolio)


def show_changes(changes: Changes, before: Portfolio, portfolio: Portfolio) -> bool:
    """Each holding and balance that differs; when most would be gone, whether the user says that they are."""
    if changes.positions or changes.cash:
        same = f" {count(changes.same, 'holding')} unchanged." if changes.same else ""
        st.markdown(f"**What changes.**{same}")
        changes_table(changes, portfolio.account.currency)
    try:
        refuse_vanished(before.account.name, changes)
    except AllocationError as error:
        st.warning(literal(str(error)), icon=":material/warning:")
        return st.checkbox(
            f"{count(len(changes.gone), 'holding')} really are gone.", key=f"accounts.vanished.{portfolio.account.id}"
        )
    return True


def show_sums(portfolio: Portfolio, reconciliation: Reconciliation) -> None:
    """What was read beside the file's own total in each currency, to the cent, and all of it where the file has rates."""
    own = Tally(
        portfolio.account.currency, reconciliation.our_total, reconciliation.priced_total, reconciliation.file_total
    )
    cash = {own.currency: portfolio.cash, **portfolio.balances}
    several = bool(reconciliation.elsewhere)
    for tally in (own, *reconciliation.elsewhere):
        show_tally(tally, cash.get(tally.currency), several)
    if reconciliation.whole:
        st.caption(f"All of it in {own.currency}, at the file's own exchange rates:")
        show_tally(reconciliation.whole, None, several=False)
    if not reconciliation.agrees:
        st.warning("What was read does not add up to the file's own total. Compare the lines before you save.")
    elif own.difference == 0 or reconciliation.whole:
        st.caption(":material/check_circle: Agrees with the file's total to the cent.")
    else:
        st.caption("The file has no total for this account to compare with.")
    if own.priced_total != own.our_total:
        at_prices = literal(money(own.priced_total, own.currency))
        st.caption(f"At the prices as printed it comes to {at_prices}: the broker rounds what it prints.")


def show_tally(tally: Tally, cash: Decimal | None, several: bool) -> None:
    """The figures of one currency; where there are several, their labels say which."""
    of = f", {tally.currency}" if several else ""
    figures: dict[str, Decimal | None] = {f"Read from the file{of}": tally.our_total}
    if cash is not None:
        figures[f"Cash in it{of}"] = cash
    if tally.difference is not None:
        figures |= {f"The file's total{of}": tally.file_total, "Difference": tally.difference}
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


def show_decision(session: Session, upload: Upload, choices: dict[str, Choice], confirmed: set[str]) -> None:
    """Save all of it or nothing."""
    agreed = upload.file.is_complete or st.checkbox(
        "I have seen what was not read or does not add up, and want to save the rest.", key="accounts.agreed"
    )
    with st.container(horizontal=True):
        label = "Save account" if len(choices) == 1 else f"Save {len(choices)} accounts"
        ready = agreed and bool(choices) and choices.keys() <= confirmed
        if st.button(label, key="accounts.save", type="primary", icon=":material/save:", disabled=not ready) and ready:
            save(session, upload, choices)
        if st.button("Cancel", key="accounts.cancel"):
            begin_again(())


def save(session: Session, upload: Upload, choices: dict[str, Choice]) -> None:
    """Keep every account of the file and select the first; the file and its columns are known again."""
    try:
        portfolios = with_choices(upload.file, choices)
        known = {account.id for account in session.accounts.list()} & {p.account.id for p in portfolios}
        saved = [session.store.portfolio(session.user.id, account_id) for account_id in known]
        refuse_same(session.store.imported_at(session.user.id, upload.file.digest), portfolios, saved)
        session.store.save_portfolios(session.user.id, portfolios)
        session.store.note_import(session.user.id, upload.file.digest)
        if upload.mapping:
            session.store.save_column_mapping(session.user.id, upload.fingerprint, upload.mapping)
        select_account(session, portfolios[0].account.id)
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    begin_again(tuple(portfolio.account.id for portfolio in portfolios))


def begin_again(saved: tuple[str, ...]) -> None:
    """Put the file away, and say on the next run what was saved."""
    put_file_away()
    st.session_state[SAVED] = saved
    st.rerun()
