"""Yahoo's charts and quote table through real yfinance, on a leash: nothing it sends outlives the batch that needs the answer.

yfinance keeps Yahoo's cookie and crumb and the likeness of a browser. We ask it for one small chart per symbol, whose
"meta" holds the price with its currency and time. `Ticker.history` would ask twice (once only for the time zone), build a
table that nobody reads here, and hide the HTTP status that tells an unknown symbol from an outage. Where only current
prices are wanted, one quote table holds those of 200 symbols; yfinance has no public call for it.
"""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import yfinance  # type: ignore[import-untyped]
from curl_cffi import CurlOpt
from curl_cffi.const import CurlECode
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import ConnectionError as NoConnection
from curl_cffi.requests.exceptions import DNSError, ProxyError, RequestException, Timeout
from yfinance.data import YfData  # type: ignore[import-untyped]
from yfinance.exceptions import YFException, YFRateLimitError  # type: ignore[import-untyped]

CHART = "https://query2.finance.yahoo.com/v8/finance/chart/"
SUMMARY = "https://query2.finance.yahoo.com/v10/finance/quoteSummary/"
TABLE = "https://query1.finance.yahoo.com/v7/finance/quote"
MOST_BYTES = 1_000_000  # unpacked; a chart of one day takes two thousand, a table of 200 rows sixty thousand

__all__ = [
    "Leash",
    "Reply",
    "RequestException",
    "Timeout",
    "YFException",
    "YFRateLimitError",
    "YahooSession",
    "is_offline",
    "is_too_large",
]

# It warns about every cookie it does without; what matters reaches us as an exception.
logging.getLogger("yfinance").setLevel(logging.ERROR)


class Reply(NamedTuple):
    """What Yahoo said: the HTTP status and the text."""

    status: int
    text: str


class Leash:
    """How long a batch may still talk to Yahoo."""

    def __init__(self, seconds: float) -> None:
        self._ends = monotonic() + seconds
        self.retry_after = ""  # when Yahoo wants to hear from us again, in its own words

    @property
    def left(self) -> float:
        """Seconds left; never below zero."""
        return max(0.0, self._ends - monotonic())

    def shorter(self, share: float) -> "Leash":
        """Another that takes up only so much of what is left."""
        return Leash(self.left * share)

    def cut(self) -> None:
        """Let nothing more be sent."""
        self._ends = 0.0


class YahooSession(Session[Response]):
    """A browser-like session in which no request may take longer than the leash of its thread allows.

    yfinance fetches cookie and crumb with a fixed timeout of 30 seconds, several times over.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(impersonate="chrome", curl_options={CurlOpt.MAXFILESIZE: MOST_BYTES})
        self._leashes = threading.local()
        yfinance.set_tz_cache_location(str(folder))  # where it keeps its cookie, too

    def chart(self, ticker: str, leash: Leash, period: str = "1d") -> Reply:
        """The chart of the last day, or of so many months or years, with the splits in them.

        Raises:
            YFException: yfinance was told that there were too many requests, or gave up.
            RequestException: no answer, or half of one.
        """
        events = {} if period == "1d" else {"events": "div,splits"}
        return self._ask(f"{CHART}{ticker}", {"range": period, "interval": "1d", **events}, leash)

    def table(self, tickers: Iterable[str], columns: Iterable[str], leash: Leash) -> Reply:
        """The quote table of these tickers; raises like `chart`."""
        asked = {"symbols": ",".join(tickers), "fields": ",".join(columns), "formatted": "false"}
        return self._ask(TABLE, asked, leash)

    def profile(self, ticker: str, modules: Iterable[str], leash: Leash) -> Reply:
        """The summary of one security; raises like `chart`."""
        return self._ask(f"{SUMMARY}{ticker}", {"modules": ",".join(modules), "formatted": "false"}, leash)

    def _ask(self, url: str, parameters: dict[str, str], leash: Leash) -> Reply:
        self._leashes.own = leash
        response = YfData(session=self).get(url, parameters, leash.left)
        return Reply(response.status_code, response.text)

    def request(self, method: Any, url: str, **options: Any) -> Response:  # type: ignore[override]  # curl_cffi spells out forty options
        """Send, but never wait longer than the leash, and never follow an answer to another place."""
        left: float = self._leashes.own.left
        if not left:
            raise Timeout("The time for this batch is over.", CurlECode.OPERATION_TIMEDOUT)
        asked = options.get("timeout")
        options["timeout"] = min(asked, left) if isinstance(asked, int | float) else left
        if url.startswith((CHART, SUMMARY, TABLE)):
            options["allow_redirects"] = False
        response = super().request(method, url, **options)
        if response.status_code == 429:
            self._leashes.own.retry_after = response.headers.get("Retry-After") or ""
        return response


def is_too_large(error: OSError) -> bool:
    """Whether an answer was cut off for its size."""
    return isinstance(error, RequestException) and error.code == CurlECode.FILESIZE_EXCEEDED


def is_offline(error: OSError) -> bool:
    """Whether nobody can be asked at all, as opposed to one answer that broke off."""
    if isinstance(error, DNSError | ProxyError):
        return True
    return isinstance(error, NoConnection) and error.code == CurlECode.COULDNT_CONNECT
