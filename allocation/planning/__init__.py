"""The workings of `plan_trades`: the account laid out exactly, the question to the solver, the reason of each trade."""
