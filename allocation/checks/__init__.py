"""The workings of `verify_plan`: the facts read afresh, and one module for each kind of law that a plan must keep."""
