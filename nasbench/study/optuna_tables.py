"""Writing and reading Optuna's own tables: five inserts for a whole trial, and five selects for all trials of a study.

Optuna itself stores each parameter in a transaction with two look-ups, and parses every distribution again. With 40 parameters it
takes 52 ms to write a trial and 2 ms to read one. A test compares the rows that are written here with Optuna's own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

# Optuna's version of its tables. Releases 3.2 to 5.0 have the same.
TABLES_VERSION = "v3.2.0.a"
_NAMES = ("alembic_version", "trials", "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes")
_INFINITE = {"INF_POS": float("inf"), "INF_NEG": float("-inf")}


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
            "datetime_start": _utc(trial.datetime_start),
            "datetime_complete": _utc(trial.datetime_complete),
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
        finished = running.values(state=trial.state.name, datetime_complete=_utc(trial.datetime_complete))
        if connection.execute(finished).rowcount != 1:
            return False
        self._write_result(connection, trial_id, trial)
        return True

    def read(self, connection: sa.Connection, study_id: int) -> list[FrozenTrial]:
        """All trials of a study by number."""
        trials = self._tables["trials"]
        own = trials.select().where(trials.c.study_id == study_id).order_by(trials.c.trial_id)
        values = self._by_trial(connection, "trial_values", study_id, "objective")
        params = self._by_trial(connection, "trial_params", study_id, "param_id")
        user = self._by_trial(connection, "trial_user_attributes", study_id, "trial_user_attribute_id")
        system = self._by_trial(connection, "trial_system_attributes", study_id, "trial_system_attribute_id")
        result = []
        for row in connection.execute(own):
            distributions = {p.param_name: _distribution(p.distribution_json) for p in params[row.trial_id]}
            result.append(
                FrozenTrial(
                    number=row.number,
                    state=TrialState[row.state],
                    value=None,
                    values=[_INFINITE.get(v.value_type, v.value) for v in values[row.trial_id]] or None,
                    datetime_start=_local(row.datetime_start),
                    datetime_complete=_local(row.datetime_complete),
                    params={p.param_name: distributions[p.param_name].to_external_repr(p.param_value) for p in params[row.trial_id]},
                    distributions=distributions,
                    user_attrs={a.key: json.loads(a.value_json) for a in user[row.trial_id]},
                    system_attrs={a.key: json.loads(a.value_json) for a in system[row.trial_id]},
                    intermediate_values={},
                    trial_id=row.trial_id,
                )
            )
        return result

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

    def _by_trial(self, connection: sa.Connection, table: str, study_id: int, order: str) -> dict[int, list[Any]]:
        trials, child = self._tables["trials"], self._tables[table]
        own = child.select().join(trials, trials.c.trial_id == child.c.trial_id).where(trials.c.study_id == study_id)
        rows = defaultdict(list)
        for row in connection.execute(own.order_by(child.c[order])):
            rows[row.trial_id].append(row)
        return rows


@lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    """A space has some dozens of distributions, and a study has ten thousands of rows with them: each text is parsed once."""
    return json_to_distribution(text)


def _param(trial: FrozenTrial, name: str) -> dict[str, Any]:
    distribution = trial.distributions[name]
    value = distribution.to_internal_repr(trial.params[name])
    return {"param_name": name, "param_value": value, "distribution_json": distribution_to_json(distribution)}


def _utc(moment: datetime | None) -> datetime | None:
    """Naive UTC, which Optuna stores, from naive local time, with which Optuna works."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _local(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
