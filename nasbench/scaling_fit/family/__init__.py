"""Families: for each of several latency limits, the largest network along a scaling law that keeps it when it is measured again."""
