"""The product's name and mark: a keel below the water, a level beam above it."""

import streamlit as st

NAME = "Evenkeel"
_SHAPE = (
    '<rect width="32" height="32" rx="7" fill="#0b6b66"/>'
    '<path d="M16 6v12M8.5 10h15" stroke="#fff" stroke-width="2.2" stroke-linecap="round"/>'
    '<path d="M6 18h20c-1.2 5-5 8-10 8S7.2 23 6 18z" fill="#fff"/>'
)
MARK = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">{_SHAPE}</svg>'


def wordmark() -> str:
    """Mark and name in one picture, the name in the colour of text."""
    ink = "#e9eeec" if st.context.theme.type == "dark" else "#171717"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 152 32" width="152" height="32">'
        f'{_SHAPE}<text x="42" y="23" font-family="system-ui, Helvetica, Arial, sans-serif" '
        f'font-size="21" font-weight="650" letter-spacing="-0.3" fill="{ink}">{NAME}</text></svg>'
    )
