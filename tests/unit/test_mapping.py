"""What a user says the columns of a table mean: valid if it exists, and the same after it was kept."""

import pytest

from allocation.errors import CurrencyError, MappingError
from allocation.mapping import ColumnMapping, DayOrder, Field, fingerprint_of, from_text, to_text

WHOLE = ColumnMapping({Field.SYMBOL: 1, Field.QUANTITY: 0, Field.ACQUIRED: 7}, True, DayOrder.MONTH_FIRST, "CHF")


def test_a_mapping_comes_back_as_it_was_kept():
    assert from_text(to_text(WHOLE)) == WHOLE


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ({Field.SYMBOL: 0}, "quantity"),
        ({}, "symbol and of the quantity"),
        ({Field.SYMBOL: 0, Field.QUANTITY: 0}, "cannot be the quantity and the symbol"),
        ({Field.SYMBOL: 0, Field.QUANTITY: 256}, "does not have"),
        ({Field.SYMBOL: -1, Field.QUANTITY: 1}, "does not have"),
    ],
)
def test_columns_that_cannot_be_are_refused_with_every_culprit(places: dict[Field, int], said: str):
    with pytest.raises(MappingError, match=said) as refusal:
        ColumnMapping(places)

    assert refusal.value.code == "UPLOAD_HEADER"


def test_a_currency_that_is_none_is_refused():
    with pytest.raises(CurrencyError):
        ColumnMapping({Field.SYMBOL: 0, Field.QUANTITY: 1}, currency="$")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"places": [1]}', '{"places": {"colour": 1}}', to_text(WHOLE)[:-5], "[" * 100_000]
)
def test_what_was_kept_and_is_damaged_is_refused_in_a_sentence(text: str):
    with pytest.raises(MappingError, match="Choose them again"):
        from_text(text)


def test_a_header_is_known_again_whatever_its_capitals_and_told_from_every_other():
    assert fingerprint_of(["Ticker ", "Shares"]) == fingerprint_of(["ticker", "SHARES"])
    assert fingerprint_of(["Ticker", "Shares"]) != fingerprint_of(["TickerShares"])
    assert fingerprint_of(["Ticker", "Shares"]) != fingerprint_of(["Shares", "Ticker"])
