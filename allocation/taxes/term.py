"""How long a lot has been held: short term, or long term once it is more than one year."""

from datetime import MAXYEAR, date, timedelta
from enum import StrEnum

_DAY = timedelta(days=1)


class Term(StrEnum):
    """How a gain is taxed: as short or as long term."""

    SHORT = "short"
    LONG = "long"


def first_long_term_day(acquired: date) -> date | None:
    """The first day on which a sale is long term: more than one year after the day of acquisition.

    The day of acquisition does not count, the day of sale does; the count begins on the day after the purchase, and the
    same date of the next year begins the second year (IRS Publication 550, "Holding Period"; Rev. Rul. 66-7; days are
    trade dates, Rev. Rul. 66-97 and 70-598). That is the day after the first anniversary but for three days:

    | acquired | count begins | long term from |
    |---|---|---|
    | 28 Feb 2015, the last of its month | 1 Mar 2015 | 1 Mar 2016, not yet on 29 Feb 2016 |
    | 28 Feb 2016 | 29 Feb 2016 | 1 Mar 2017: the year ends with February |
    | 29 Feb 2016 | 1 Mar 2016 | 1 Mar 2017 |

    None where that day is beyond the calendar (the year 9999).
    """
    if acquired >= date(MAXYEAR - 1, 12, 31):
        return None
    begins = acquired + _DAY
    if (begins.month, begins.day) == (2, 29):
        return date(begins.year + 1, 3, 1)
    return begins.replace(year=begins.year + 1)


def term_of(acquired: date | None, sold: date | None) -> Term:
    """The term of a lot sold on a day; short where either day is unknown, because nobody can prove a longer one."""
    if acquired is None or sold is None:
        return Term.SHORT
    turns = first_long_term_day(acquired)
    return Term.LONG if turns is not None and sold >= turns else Term.SHORT
