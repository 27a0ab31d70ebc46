"""Which account? The user's accounts, and the way in for a broker's export: read, shown, and only then saved."""

import streamlit as st

from allocation.bootstrap import TEMPLATE
from allocation.model import Account
from pages.shared.account_card import show_account
from pages.shared.import_preview import show_preview
from pages.shared.import_upload import ask_for_file
from pages.shared.link_card import linked_accounts, show_loose_links
from pages.shared.link_dialog import SAVED, link_again, show_way_to_link
from pages.shared.look import literal
from pages.shared.state import require_session


def show_page() -> None:
    """The accounts, an import under way, and how to begin one."""
    session = require_session()
    st.title("Accounts", anchor=False)
    accounts = session.accounts.list()
    show_saved(accounts)
    welcome = st.container()
    upload = ask_for_file(session)
    if upload:
        show_preview(session, upload, accounts)
        return
    show_way_to_link(session)
    if not accounts:
        with welcome:
            show_welcome()
    linked = linked_accounts(session)
    for account in accounts:
        show_account(session, account, linked.get(account.id))
    show_loose_links(session, linked, link_again)
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
            "Positions and Cash Report, as XML or CSV.\n"
            "- **Ghostfolio, Wealthfolio**: the export of all activities. **Portfolio Performance**: its file, saved as XML.\n"
            "- **Any other broker**: its OFX or QFX (Quicken) download of an investment account, any CSV or XLSX whose columns you "
            "name after choosing it, or fill in the generic CSV: `symbol` and `quantity` are enough, several lines of one symbol "
            "are tax lots, and a line `CASH` holds the money."
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
