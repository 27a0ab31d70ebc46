"""What every answer tells the browser to allow: our own files and nothing else, in no other site's frame."""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_OVER_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}
_CELL_EDITORS = ("data-grid-overlay-editor.*.js", "number-overlay-editor.*.js")
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@lru_cache(maxsize=2)
def protection(*, secure: bool) -> Mapping[str, str]:
    """The headers of every answer; over https also the promise to stay with it."""
    return {**_ALWAYS, "Content-Security-Policy": _content_security_policy(), **(_OVER_HTTPS if secure else {})}


def _content_security_policy() -> str:
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(("'self'", *_inline_script_hashes())),
        "style-src": "'self' 'unsafe-inline'",  # Streamlit writes its styles into the page
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _inline_script_hashes() -> list[str]:
    """The scripts written into Streamlit's own page, by their hashes, so that no other inline script runs."""
    page = (folder_of("streamlit") / "static" / "index.html").read_text(encoding="utf-8")
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


@lru_cache(maxsize=1)
def cell_editors() -> str:
    """The Link header that has a page load the grid's cell editor early.

    Streamlit asks for it at the first key typed into a grid, and the keys typed until it is there are lost: of a first
    "25" the target would be 5.
    """
    scripts = folder_of("streamlit") / "static" / "static" / "js"
    names = sorted(found.name for pattern in _CELL_EDITORS for found in scripts.glob(pattern))
    return ", ".join(f"<./static/js/{name}>; rel=modulepreload" for name in names)


def folder_of(package: str) -> Path:
    """Where an installed package lies. Found, not imported: Streamlit knows a component only when a page imports it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent
