"""Pareto fronts: which rows of a frame are on one, how much it covers, and what its networks have in common."""
