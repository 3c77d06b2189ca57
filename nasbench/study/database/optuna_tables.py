"""Writing Optuna's own tables: five inserts for a whole trial.

Optuna itself stores each parameter in a transaction with two look-ups. With 40 parameters it takes 52 ms to write a trial. A test
compares the rows that are written here with Optuna's own. `optuna_rows.py` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from nasbench.study.database.optuna_rows import utc

# Optuna's version of its tables. Releases 3.2 to 5.0 have the same.
TABLES_VERSION = "v3.2.0.a"
_NAMES = ("alembic_version", "trials", "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes")


class OptunaTables:
    """Optuna's tables in an open database. Each method runs in the transaction of its caller."""

    def __init__(self, engine: sa.Engine) -> None:
        metadata = sa.MetaData()
        metadata.reflect(engine, only=_NAMES)
        self._tables = metadata.tables

    def version(self, connection: sa.Connection) -> str | None:
        """The version of the tables, see `TABLES_VERSION`."""
        return connection.execute(sa.select(self._tables["alembic_version"].c.version_num)).scalar()

    def insert(self, connection: sa.Connection, study_id: int, trial: FrozenTrial) -> tuple[int, int]:
        """Store a new trial; returns its id and how many trials the study had before."""
        trials = self._tables["trials"]
        row = {
            "number": trial.number,
            "study_id": study_id,
            "state": trial.state.name,
            "datetime_start": utc(trial.datetime_start),
            "datetime_complete": utc(trial.datetime_complete),
        }
        key = connection.execute(trials.insert().values(row)).inserted_primary_key
        trial_id = int(key[0])  # type: ignore[index]
        older = sa.select(sa.func.count()).where(trials.c.study_id == study_id, trials.c.trial_id < trial_id)
        count = connection.execute(older).scalar_one()
        self._insert_rows(connection, "trial_params", trial_id, [_param(trial, name) for name in trial.params])
        self._write_result(connection, trial_id, trial)
        return trial_id, int(count)

    def update(self, connection: sa.Connection, trial_id: int, trial: FrozenTrial) -> bool:
        """Store attributes of a running trial, which stays running; returns False when it is not running."""
        trials = self._tables["trials"]
        running = sa.select(trials.c.trial_id).where(trials.c.trial_id == trial_id, trials.c.state == "RUNNING")
        if connection.execute(running).first() is None:
            return False
        self._write_result(connection, trial_id, trial)
        return True

    def finish(self, connection: sa.Connection, trial_id: int, trial: FrozenTrial) -> bool:
        """Store state, values and attributes of a running trial; returns False when it is not running."""
        trials = self._tables["trials"]
        running = trials.update().where(trials.c.trial_id == trial_id, trials.c.state == "RUNNING")
        finished = running.values(state=trial.state.name, datetime_complete=utc(trial.datetime_complete))
        if connection.execute(finished).rowcount != 1:
            return False
        self._write_result(connection, trial_id, trial)
        return True

    def _write_result(self, connection: sa.Connection, trial_id: int, trial: FrozenTrial) -> None:
        values = trial.values if trial.state == TrialState.COMPLETE else []
        rows = [{"objective": i, "value": v, "value_type": "FINITE"} for i, v in enumerate(values)]
        self._insert_rows(connection, "trial_values", trial_id, rows)
        # All other system attributes are a sampler's notes, such as values that TPE has drawn in advance. The next sampler is a new one.
        constraints = {k: v for k, v in trial.system_attrs.items() if k.startswith("constraints:")}
        for table, attrs in (("trial_user_attributes", trial.user_attrs), ("trial_system_attributes", constraints)):
            stored = self._tables[table]
            connection.execute(stored.delete().where(stored.c.trial_id == trial_id, stored.c.key.in_(list(attrs))))
            self._insert_rows(connection, table, trial_id, [{"key": k, "value_json": json.dumps(v)} for k, v in attrs.items()])

    def _insert_rows(self, connection: sa.Connection, table: str, trial_id: int, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            connection.execute(self._tables[table].insert(), [{"trial_id": trial_id, **row} for row in rows])


def _param(trial: FrozenTrial, name: str) -> dict[str, Any]:
    distribution = trial.distributions[name]
    value = distribution.to_internal_repr(trial.params[name])
    return {"param_name": name, "param_value": value, "distribution_json": distribution_to_json(distribution)}
