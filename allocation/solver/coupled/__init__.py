"""Questions whose lines compete for more than one account's cash: several accounts, shared classes, caps, netted taxes.

`solving.solve_coupled(question)` is the whole interface; nothing is loaded here, since plain questions need none of it.
`prices` puts a price on every coupling, `pricing` turns the prices into a bound and every trade's regret, `walk` goes
through the trades that could still win, and `judge` settles what an answer is worth. Floats choose the prices;
everything that decides is in whole numbers.
"""
