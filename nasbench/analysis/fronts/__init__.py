"""Pareto fronts: who is on one, how much it covers, and what its networks have in common."""
