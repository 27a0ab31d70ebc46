"""What a process builds once and every visitor shares: the workbench, and who may come in. No user's data."""

import secrets

import streamlit as st

from allocation import bootstrap
from allocation.bootstrap import Workbench
from allocation.drafting import DraftKeeper
from allocation.settings import Settings, load_settings
from allocation.sign_in.attempts import Attempts
from allocation.sign_in.demos import Demos
from allocation.sign_in.local import LocalAccounts
from allocation.sign_in.patience import Patience
from allocation.sign_in.providers import is_loopback
from allocation.sign_in.second_factor import SecondFactors
from allocation.sign_in.throttle import Throttle
from allocation.working import EmbeddedWorker
from pages.shared.owners import Owners, is_open

_SETUP_CODE_BYTES = 8


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """What this installation chose, in the environment and in `.streamlit/secrets.toml`."""
    written = st.secrets.to_dict() if st.secrets.load_if_toml_exists() else {}
    return load_settings(written)


@st.cache_resource(show_spinner=False)
def workbench() -> Workbench:
    """Settings, database and prices, put together."""
    return bootstrap.workbench(settings())


@st.cache_resource(show_spinner=False)
def embedded_worker() -> EmbeddedWorker | None:
    """What keeps this server's own worker alive; None where orders are sent by a worker of somebody's own."""
    bench = workbench()
    if bench.settings.executor == "off":
        return None
    worker = EmbeddedWorker(bench)
    worker.start()
    return worker


@st.cache_resource(show_spinner=False)
def local_accounts() -> LocalAccounts:
    """The local accounts.

    On a server that others can reach, the first account must not be for whoever comes first.
    """
    this_machine_only = is_loopback(st.get_option("server.address") or "") and not workbench().settings.base_url
    code = "" if this_machine_only else secrets.token_hex(_SETUP_CODE_BYTES)
    bench = workbench()
    accounts = LocalAccounts(bench.credentials, bench.people, Patience(bench.failures), bench.trail, code)
    if code and accounts.first_run:
        # Printed, not logged: logs are kept and passed on, and this is a key to the house until somebody has used it.
        print(f"There is no local account yet. The setup code for the first one is {code}", flush=True)  # noqa: T201
    return accounts


@st.cache_resource(show_spinner=False)
def second_factors() -> SecondFactors:
    """The second factors of local accounts."""
    bench = workbench()
    return SecondFactors(bench.credentials, bench.vault, Patience(bench.failures), bench.trail)


@st.cache_resource(show_spinner=False)
def refusals_to_note() -> Throttle:
    """How many refused answers of a provider's sign-in from one address are written into the trail."""
    return Throttle(at_once=20, each_second=1 / 60)


@st.cache_resource(show_spinner=False)
def owners() -> Owners:
    """Whose the open tabs are."""
    return Owners(is_open)


@st.cache_resource(show_spinner=False)
def strangers_to_note() -> Throttle:
    """How many attempts of one browser at another's file are written into the trail."""
    return Throttle(at_once=20, each_second=1 / 60)


@st.cache_resource(show_spinner=False)
def uploads_allowed() -> Throttle:
    """How many files one browser may upload: twenty at once, then twenty a minute."""
    return Throttle(at_once=20, each_second=20 / 60)


@st.cache_resource(show_spinner=False)
def demos() -> Demos:
    """The demos under way."""
    return Demos(workbench().demo)


@st.cache_resource(show_spinner=False)
def attempts() -> Attempts:
    """Who is at a provider just now."""
    bench = workbench()
    return Attempts(bench.attempts, bench.vault)


@st.cache_resource(show_spinner=False)
def drafts() -> DraftKeeper:
    """What users were about to change."""
    return DraftKeeper(workbench().drafts)
