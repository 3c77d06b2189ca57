"""What a study keeps of its trials: Optuna's tables in SQLite, a log beside them, and how one restores the other."""
