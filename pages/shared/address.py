"""Where a visitor comes from, as far as we can know it."""

import streamlit as st

from pages.shared.cache import workbench


def visitor_address() -> str:
    """The visitor's IP address; empty for this machine, and behind a proxy that our server was not told to believe.

    Uvicorn takes the address from a proxy on this machine, or one that FORWARDED_ALLOW_IPS names. From any other proxy
    everybody would seem to be one visitor.
    """
    known = st.context.ip_address
    address = known if isinstance(known, str) else ""  # Streamlit's test harness has no address, but a stand-in
    if workbench().settings.base_url:
        named = st.context.headers.get("X-Forwarded-For")
        passed_on = [part.strip() for part in named.split(",")] if isinstance(named, str) else []
        return address if not passed_on or address in passed_on else ""
    return address
