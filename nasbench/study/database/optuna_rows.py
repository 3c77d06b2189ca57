"""Reading Optuna's tables with plain SQL: a few selects for all trials of a phase.

Optuna itself takes 2 ms to read a trial with 40 parameters, because it parses every distribution again. A test compares the trials
that are read here with Optuna's own.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from nasbench.errors import one_line

_INFINITE = {"INF_POS": float("inf"), "INF_NEG": float("-inf")}
IDENTITY = "nasbench"  # the user attribute of an Optuna study that holds strategy and seed of the phase


class PhaseIdentity(NamedTuple):
    """What a phase began with: its directions (`maximize`, `minimize`), and its strategy and seed as JSON data."""

    directions: tuple[str, ...]
    identity: Mapping[str, Any] | None = None


class PhaseTrials(NamedTuple):
    """The trials of a phase by number. `unreadable` says of others why they cannot be read."""

    trials: dict[int, FrozenTrial]
    unreadable: dict[int, str]


def read_phases(connection: sqlite3.Connection) -> dict[str, tuple[int, PhaseIdentity]]:
    """Each phase of a ledger by name, with the id of its Optuna study."""
    directions, identities = defaultdict(list), {}
    for study_id, direction in connection.execute("SELECT study_id, direction FROM study_directions ORDER BY objective"):
        directions[study_id].append(str(direction).lower())
    for study_id, value in connection.execute("SELECT study_id, value_json FROM study_user_attributes WHERE key = ?", (IDENTITY,)):
        try:
            identities[study_id] = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            continue  # the driver then takes it for a phase of an older version
    return {
        str(name): (study_id, PhaseIdentity(tuple(directions[study_id]), identities.get(study_id)))
        for study_id, name in connection.execute("SELECT study_id, study_name FROM studies ORDER BY study_id")
    }


def read_trials(connection: sqlite3.Connection, study_id: int) -> PhaseTrials:
    """All trials of an Optuna study. The caller begins a transaction, so that all tables are read at one moment.

    Raises:
        sqlite3.DatabaseError, UnicodeDecodeError: the tables are damaged.
    """
    own = "SELECT number, trial_id, state, datetime_start, datetime_complete FROM trials WHERE study_id = ? ORDER BY trial_id"
    heads = connection.execute(own, (study_id,)).fetchall()
    values = _by_trial(connection, study_id, "trial_values", "value_type, value", "objective")
    params = _by_trial(connection, study_id, "trial_params", "param_name, distribution_json, param_value", "param_id")
    user = _by_trial(connection, study_id, "trial_user_attributes", "key, value_json", "trial_user_attribute_id")
    system = _by_trial(connection, study_id, "trial_system_attributes", "key, value_json", "trial_system_attribute_id")
    read = PhaseTrials({}, {})
    for number, trial_id, state, started, finished in heads:
        if not isinstance(number, int) or number < 0:
            raise sqlite3.DatabaseError(f"a trial has the number {number!r}")
        try:
            read.trials[number] = frozen_trial(
                number,
                state,
                started,
                finished,
                values=[_INFINITE.get(kind, value) for kind, value in values[trial_id]] or None,
                params={name: (text, value) for name, text, value in params[trial_id]},
                user={key: json.loads(value) for key, value in user[trial_id]},
                system={key: json.loads(value) for key, value in system[trial_id]},
                trial_id=trial_id,
            )
        except UNREADABLE as error:
            read.unreadable[number] = one_line(error)
    return read


# What data that is not a trial raises, wherever it comes from.
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)


def frozen_trial(
    number: int,
    state: str,
    started: str | None,
    finished: str | None,
    *,
    values: list[float] | None,
    params: Mapping[str, tuple[str, float]],
    user: dict[str, Any],
    system: dict[str, Any],
    trial_id: int = -1,
) -> FrozenTrial:
    """A trial as Optuna gives it.

    Args:
        state: the name of a `TrialState`.
        started, finished: moments in UTC as ISO text.
        params: for each parameter its distribution as Optuna's JSON, and its value as Optuna stores it.
    """
    distributions = {name: _distribution(text) for name, (text, _) in params.items()}
    return FrozenTrial(
        number=number,
        state=TrialState[state],
        value=None,
        values=values,
        datetime_start=_local(started),
        datetime_complete=_local(finished),
        params={name: distributions[name].to_external_repr(value) for name, (_, value) in params.items()},
        distributions=distributions,
        user_attrs=user,
        system_attrs=system,
        intermediate_values={},
        trial_id=trial_id,
    )


def utc(moment: datetime | None) -> datetime | None:
    """Naive UTC, which Optuna stores, from naive local time, with which Optuna works."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _local(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


def _by_trial(connection: sqlite3.Connection, study_id: int, table: str, columns: str, order: str) -> dict[int, list[Any]]:
    """The rows of a table by trial."""
    query = f"SELECT trial_id, {columns} FROM {table} JOIN trials USING (trial_id) WHERE study_id = ? ORDER BY trial_id, {order}"  # noqa: S608 - our own names
    rows = defaultdict(list)
    for trial_id, *row in connection.execute(query, (study_id,)):
        rows[trial_id].append(row)
    return rows


@lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    """A space has some dozens of distributions, and a study has ten thousands of rows with them: each text is parsed once."""
    return json_to_distribution(text)
