"""What lies on disk: the study directory, its lock, the ledger of trials, and the measurements."""
