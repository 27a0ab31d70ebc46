"""Killing whoever submits orders, at random and at every crash point, and counting what became of each trade."""
