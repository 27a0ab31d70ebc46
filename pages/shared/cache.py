"""What a process builds once and every visitor shares: the workbench, and who may come in. No user's data."""

import streamlit as st

from allocation import bootstrap
from allocation.bootstrap import Workbench
from allocation.settings import load_settings
from allocation.sign_in.demos import Demos
from allocation.sign_in.departures import Departures
from allocation.sign_in.local import LocalAccounts
from allocation.sign_in.mailbox import Mailbox


@st.cache_resource(show_spinner=False)
def workbench() -> Workbench:
    """Settings, database and prices, put together from the environment and `.streamlit/secrets.toml`."""
    secrets = st.secrets.to_dict() if st.secrets.load_if_toml_exists() else {}
    return bootstrap.workbench(load_settings(secrets))


@st.cache_resource(show_spinner=False)
def local_accounts() -> LocalAccounts:
    """The local accounts, with the memory of wrong passwords."""
    return LocalAccounts(workbench().directory)


@st.cache_resource(show_spinner=False)
def demos() -> Demos:
    """The demos under way."""
    return Demos(workbench().demo)


@st.cache_resource(show_spinner=False)
def mailbox() -> Mailbox:
    """What providers sent back to us."""
    return Mailbox()


@st.cache_resource(show_spinner=False)
def departures() -> Departures:
    """Who went to a provider in the tab itself."""
    return Departures()
