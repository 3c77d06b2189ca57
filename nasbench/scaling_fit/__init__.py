"""The search for a scaling law by trials, and families of networks for several latency limits."""
