"""A loop over PyPortfolioOpt's greedy allocation; runs in an interpreter of its own and prints accounts a second."""

import json
import sys
from time import process_time

import pandas as pd
from pypfopt.discrete_allocation import DiscreteAllocation


def main() -> None:
    positions, models = pd.read_csv(sys.argv[1]), pd.read_csv(sys.argv[2])
    weights = {name: dict(zip(lines.symbol, lines.weight, strict=True)) for name, lines in models.groupby("model_id")}
    inputs = []
    for _, lines in positions.groupby("account_id", sort=False):
        prices = pd.Series(lines.price.to_numpy(), index=lines.symbol.to_numpy())
        total = float((lines.quantity * lines.price).sum() + lines.cash.iloc[0])
        inputs.append((weights[lines.model_id.iloc[0]], prices, total))
    begun = process_time()
    for wanted, prices, total in inputs:
        DiscreteAllocation(dict(wanted), prices, total_portfolio_value=total).greedy_portfolio()
    print(json.dumps({"a_second": len(inputs) / (process_time() - begun)}))


if __name__ == "__main__":
    main()
