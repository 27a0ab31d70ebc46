"""Evenkeel's way in: `streamlit run app.py`. The server loads this file once; every visitor's run executes it."""

import sys

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from allocation.errors import SettingsError
from allocation.solver import quick
from pages.shared import gate, operations, requests, server, shell

if get_script_run_ctx(suppress_warning=True) is None:
    # Or else, until a first visitor's run, Streamlit would show each file in pages/ at its own address, past the gate.
    PagesManager.uses_pages_directory = False
    try:
        gate.refuse_base_path(st.get_option("server.baseUrlPath") or "")
    except SettingsError as error:
        sys.exit(str(error))
    requests.start_log()
    quick.make_ready()
    app = st.App(
        __file__,
        routes=server.ROUTES,
        middleware=server.MIDDLEWARE,
        lifespan=operations.lifespan,
        on_script_error=server.show_fault,
    )
else:
    shell.show()
