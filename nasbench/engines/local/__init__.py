"""The local engine: one process per trial on this machine."""
