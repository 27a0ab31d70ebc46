"""Taxes on sales: holding periods, lots and the order in which they are sold, netting, wash sales. See docs/taxes.md.

Pure and exact: fractions inside, standard library only.
"""

from allocation.taxes.gains import Gain, GainRun, Taken, gain_of, gain_runs, take
from allocation.taxes.harvest import Harvested, HarvestSale, NotHarvested, harvest
from allocation.taxes.least_tax import largest_divisor
from allocation.taxes.lots import LotSlice, elsewhere_pooled, slices, untaxed_slices
from allocation.taxes.netting import Rates, net_loss, tax_on
from allocation.taxes.settlement import Settlement, TaxedSale, settle
from allocation.taxes.term import Term, first_long_term_day, term_of
from allocation.taxes.wash import bought_units, recently_bought, sold_at_a_loss_lately

__all__ = [
    "Gain",
    "GainRun",
    "HarvestSale",
    "Harvested",
    "LotSlice",
    "NotHarvested",
    "Rates",
    "Settlement",
    "Taken",
    "TaxedSale",
    "Term",
    "bought_units",
    "elsewhere_pooled",
    "first_long_term_day",
    "gain_of",
    "gain_runs",
    "harvest",
    "largest_divisor",
    "net_loss",
    "recently_bought",
    "settle",
    "slices",
    "sold_at_a_loss_lately",
    "take",
    "tax_on",
    "term_of",
    "untaxed_slices",
]
