"""The dress of streamlit-oauth's button: the frame it lives in comes grey, whatever the theme."""

from functools import lru_cache

from pages.shared.headers import folder_of

BUTTON_PATH = "/component/streamlit_oauth.authorize_button/index.html"
# The frame does not know the theme; the theme follows the system, and so does this.
_BUTTON_STYLE = """
:root {color-scheme: light dark; --text: #171717; --ground: #ffffff; --line: #d3dcda; --accent: #0b6b66}
@media (prefers-color-scheme: dark) {:root {--text: #e9eeec; --ground: #1a2321; --line: #33403d; --accent: #4fc3b8}}
html, body {background: transparent}
body > div > button {font-family: "Source Sans", "Source Sans 3", system-ui, sans-serif; font-weight: 400; padding: 0 12px;
  min-height: 40px; border-radius: 6px; color: var(--text); background: var(--ground); border: 1px solid var(--line);
  box-sizing: border-box; transition: none}
body > div > button > span {font-size: 14px; margin: 0}
body > div > button:hover {color: var(--accent); background: var(--ground); border-color: var(--accent)}
body > div > button:focus-visible {outline: 2px solid var(--accent); outline-offset: -3px}
"""


@lru_cache(maxsize=1)
def button_document() -> str:
    """The document inside the button's frame, looking like the other buttons."""
    comes = folder_of("streamlit_oauth") / "frontend" / "dist" / "index.html"
    style = f"<style>{_font_face()}{_BUTTON_STYLE}</style></head>"
    return comes.read_text(encoding="utf-8").replace("</head>", style)


def _font_face() -> str:
    """The font of the pages, from where Streamlit serves it; its file name changes with every release."""
    found = sorted((folder_of("streamlit") / "static" / "static" / "media").glob("SourceSansVF-Upright*.woff2"))
    source = (
        f'font-family: "Source Sans"; font-weight: 200 900; src: url("/static/media/{found[0].name}")' if found else ""
    )
    return f"@font-face {{{source}}}"
