"""One security under its spellings, and the numbers that name it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.symbols import (
    Listing,
    SpellingError,
    Venue,
    canonical,
    clean,
    cusip_of_isin,
    is_cusip,
    is_isin,
    isin_of_cusip,
    listing_of,
    same_security,
    spelled,
    spelled_alike,
)

ROOTS = st.text("ABCDEGHIJKMNOPQRSUWXYZ", min_size=1, max_size=5).filter(lambda root: root not in {"BRKA", "BRKB"})
CLASSES = st.sampled_from("ABCDEGHIJKMNOPQRSUWXYZ")
BERKSHIRE = {
    Venue.YAHOO: "BRK-B",
    Venue.ALPACA: "BRK.B",
    Venue.ETRADE: "BRK.B",
    Venue.SCHWAB: "BRK/B",
    Venue.INTERACTIVE_BROKERS: "BRK B",
    Venue.FIDELITY: "BRKB",
}


@pytest.mark.parametrize("written", [*BERKSHIRE.values(), "brk.b", " BRK.B ", "\ufeffBRK\u00a0B", "BRK\u200b-B"])
def test_every_spelling_of_a_share_class_is_one_security(written: str) -> None:
    assert canonical(written) == "BRK-B"


@pytest.mark.parametrize(("venue", "expected"), BERKSHIRE.items())
def test_each_venue_gets_its_own_spelling(venue: Venue, expected: str) -> None:
    assert spelled("BRK/B", venue) == expected


@given(ROOTS, CLASSES, st.sampled_from([v for v in Venue if v != Venue.FIDELITY]))
def test_a_venues_spelling_reads_back_as_the_same_security(root: str, share_class: str, venue: Venue) -> None:
    symbol = f"{root}-{share_class}"

    assert canonical(spelled(symbol, venue)) == symbol


@given(st.text(max_size=12))
def test_the_canonical_spelling_of_a_canonical_spelling_is_itself(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize("symbol", ["VOD.L", "7203.T", "SAP.DE", "BAS.F", "ABC.V", "RIO.AX"])
def test_an_exchange_is_no_share_class(symbol: str) -> None:
    root, exchange = symbol.split(".")

    assert listing_of(symbol) == Listing(root, exchange=exchange)
    assert canonical(symbol) == symbol


@pytest.mark.parametrize("written", ["RCI.B.TO", "RCI-B.TO", "RCI/B.TO"])
def test_a_share_class_listed_abroad_keeps_both(written: str) -> None:
    assert canonical(written) == "RCI-B.TO"


@pytest.mark.parametrize(
    ("printed", "seen"),
    [("SPAXX**", "SPAXX"), ("\ufeffVTI\u200b", "VTI"), ("BRK\u00a0B", "BRK B"), ("-AAPL*", "-AAPL*")],
)
def test_what_cannot_be_seen_and_footnotes_are_no_part_of_a_symbol(printed: str, seen: str) -> None:
    assert clean(printed) == seen


def test_a_coin_is_written_with_a_slash_at_alpaca_and_not_at_all_elsewhere() -> None:
    assert canonical("BTC/USD") == "BTC-USD"
    assert spelled("BTC-USD", Venue.ALPACA) == "BTC/USD"
    with pytest.raises(SpellingError, match="BTC-USD"):
        spelled("BTC-USD", Venue.SCHWAB)


@pytest.mark.parametrize(
    ("symbol", "venue"), [("VOD.L", Venue.ALPACA), ("^GSPC", Venue.ETRADE), ("BAC-PL", Venue.SCHWAB)]
)
def test_a_spelling_that_is_not_known_is_refused_by_name(symbol: str, venue: Venue) -> None:
    with pytest.raises(SpellingError) as refusal:
        spelled(symbol, venue)

    assert refusal.value.culprits == (symbol,)
    assert venue.value in str(refusal.value)


def test_a_target_takes_the_spelling_of_what_is_held() -> None:
    assert spelled_alike(["BRK.B", "VTI"], ["BRK-B", "BND"]) == {"BRK.B": "BRK-B", "VTI": "VTI"}


def test_where_two_lines_could_be_meant_nothing_is_renamed() -> None:
    assert spelled_alike(["BRK.B"], ["BRK-B", "BRK/B"]) == {"BRK.B": "BRK.B"}
    assert spelled_alike(["BRK.B", "BRK B"], ["BRK-B"]) == {"BRK.B": "BRK.B", "BRK B": "BRK B"}


def test_another_class_or_exchange_is_another_security() -> None:
    assert not same_security("BRK.A", "BRK.B")
    assert not same_security("VOD", "VOD.L")
    assert not same_security("RCI-B.TO", "RCI-B")


# Apple and Berkshire (US), Shopify (CA), Vodafone (GB), SAP (DE): from the issuers' own investor pages.
@pytest.mark.parametrize("isin", ["US0378331005", "US0846707026", "CA82509L1076", "GB00BH4HKS39", "DE0007164600"])
def test_an_isin_has_the_right_last_digit_and_no_other(isin: str) -> None:
    assert is_isin(isin)
    assert [digit for digit in "0123456789" if is_isin(isin[:-1] + digit)] == [isin[-1]]


@pytest.mark.parametrize(
    ("cusip", "country", "isin"), [("037833100", "US", "US0378331005"), ("82509L107", "CA", "CA82509L1076")]
)
def test_an_american_or_canadian_isin_holds_the_cusip(cusip: str, country: str, isin: str) -> None:
    assert is_cusip(cusip)
    assert [digit for digit in "0123456789" if is_cusip(cusip[:-1] + digit)] == [cusip[-1]]
    assert isin_of_cusip(cusip, country) == isin
    assert cusip_of_isin(isin) == cusip


def test_an_isin_of_another_country_holds_no_cusip() -> None:
    assert cusip_of_isin("DE0007164600") == ""
    with pytest.raises(SpellingError, match="'DE'"):
        isin_of_cusip("037833100", "DE")
    with pytest.raises(SpellingError, match="037833101"):
        isin_of_cusip("037833101", "US")


@pytest.mark.parametrize("text", ["", "US037833100", "us0378331005", "US03783310０5", "U$0378331005"])
def test_what_has_not_the_form_of_an_isin_is_none(text: str) -> None:
    assert not is_isin(text)
    assert not is_cusip(text)
