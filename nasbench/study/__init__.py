"""A study on disk: its directory, its lock, the ledger of trials, and the measurements."""
