"""The evaluator `table`: accuracies are looked up in a tabular benchmark instead of trained.

A table is a JSON file with one entry per network:

    {"space": "macro", "classes": 10, "metric": "test_acc", "key": "options",
     "networks": {"02012100": {"test_acc": [89.47, 88.95, 89.17], "params": 890666, "seconds": 812.5}, ...}}

or just the mapping of networks, as NAS-Bench-Macro publishes it. The key of a network is its digest, or its `options`:
the index of the option that each parameter has, in the order in which the space asks for them, as digits (joined by `-`
where a parameter has more than ten options). A metric with several draws holds one per independent training; an
evaluation takes one of them, chosen by its seed. `seconds` is the simulated cost of an evaluation.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nasbench.errors import SpaceError, StudyError, nearest, short
from nasbench.evaluate.base import (
    CLASSES,
    EvaluateAll,
    Evaluation,
    EvaluationContext,
    EvaluationData,
    Evaluator,
    ExpectedSeconds,
    Fidelity,
    evaluator,
)
from nasbench.files import parse_json, read_text
from nasbench.genotype import Genotype, digest
from nasbench.spaces import Options, Space, load_space
from nasbench.spaces.choosers import record_options, replay
from nasbench.spaces.options import first, same

DIGITS = 10  # options that one digit can tell apart
SECONDS = "seconds"


class Table(NamedTuple):
    """A tabular benchmark that was read and checked.

    Attributes:
        key: whether networks are named by their `digest` or by their `options`.
        metric: the column that is the accuracy; scale: what divides it, 100 where the table has percent.
        networks: the columns of each network.
        sha256: of the file.
    """

    name: str
    key: Literal["digest", "options"]
    metric: str
    scale: float
    classes: int
    networks: Mapping[str, Mapping[str, Any]]
    sha256: str

    def seconds(self) -> float | None:
        """The mean of the simulated seconds; None where the table has none."""
        stored = [row[SECONDS] for row in self.networks.values() if SECONDS in row]
        return sum(stored) / len(stored) if stored else None


@lru_cache(maxsize=2)
def read_table(path: str, metric: str | None = None) -> Table:
    """Read a table, and check every entry of it.

    Args:
        metric: the column that is the accuracy; by default the one that the file names, or the only one with several draws.

    Raises:
        StudyError: the file is missing or not such a table, has no such column, or has text or infinity where a number belongs.
    """
    file = Path(path)
    try:
        text = read_text(file)
        content = parse_json(text)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise StudyError(f"a table is a JSON file with one entry per network; {path}: {cause}; name such a file with --table") from None
    if not isinstance(content, dict) or not content:
        raise StudyError(f"a table is a JSON mapping of networks; {path} holds {type(content).__name__}; name such a file with --table")
    networks = content.get("networks", content)
    about = content if "networks" in content else {}
    if not isinstance(networks, dict) or not networks or not all(isinstance(row, dict) and row for row in networks.values()):
        raise StudyError(f"a table has a mapping of columns for each network; {path} has none, or other entries; see docs/evaluators.md")
    chosen = metric or about.get("metric") or _only_draws(networks, path)
    classes = about.get("classes", CLASSES)
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
        raise StudyError(f"a table's classes are a whole number from 2; {path} has {short(classes)}; correct it there")
    highest = _check(networks, str(chosen), path)
    key = about.get("key", "options" if all(map(_is_options, networks)) else "digest")
    if key not in ("digest", "options"):
        raise StudyError(f"a table's key is digest or options; {path} has {short(key)}; correct it there")
    name = str(about.get("name") or file.stem)
    return Table(name, key, str(chosen), 100.0 if highest > 1 else 1.0, classes, networks, hashlib.sha256(text.encode()).hexdigest())


def _only_draws(networks: Mapping[str, Mapping[str, Any]], path: str) -> str:
    row = next(iter(networks.values()))
    several = [name for name, value in row.items() if isinstance(value, list)]
    if len(several) != 1:
        raise StudyError(f"{path} does not say which column is the accuracy; it has {', '.join(row)}; give one with --metric")
    return several[0]


def _check(networks: Mapping[str, Mapping[str, Any]], metric: str, path: str) -> float:
    """The highest accuracy, after every entry was found to be sound."""
    highest = 0.0
    for key, row in networks.items():
        if metric not in row:
            raise StudyError(f"{path} has no column {metric!r} for the network {key}; it has {', '.join(row)}{nearest(metric, row)}")
        values = row[metric] if isinstance(row[metric], list) else [row[metric]]
        if not values or not all(map(_is_share, values)):
            raise StudyError(
                f"{metric} is a number from 0 to 100, or a list of such; {path} has {short(row[metric])} for the network {key}"
            )
        if SECONDS in row and not (_is_number(row[SECONDS]) and row[SECONDS] >= 0):
            raise StudyError(f"{SECONDS} is a number from 0; {path} has {short(row[SECONDS])} for the network {key}")
        highest = max(highest, *values)
    return highest


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 100


def _is_options(key: str) -> bool:
    return all(part.isascii() and part.isdecimal() for part in key.split("-"))


def options_key(space: Space, genotype: Genotype) -> str:
    """The indices of the options that lead to a genotype: `02012100` in the space `macro`.

    Raises:
        SpaceError: the genotype is outside the space.
    """
    values = space.encode(genotype)
    options: dict[str, Options] = {}
    space.decode(record_options(replay(values, first), options))
    indices = [next(i for i, option in enumerate(options[name]) if same(option, values[name])) for name in options]
    return ("-" if any(len(several) > DIGITS for several in options.values()) else "").join(map(str, indices))


@evaluator
class TableEvaluator(Evaluator):
    """Looks accuracies up; nothing is trained.

    Raises:
        StudyError: see `read_table`.
    """

    name = "table"
    evaluates_known = False

    def __init__(self, context: EvaluationContext, table: str, metric: str | None = None) -> None:
        self.context, self._path, self._metric = context, str(Path(table).absolute()), metric
        self.simulates_time = self._table.seconds() is not None

    @property
    def _table(self) -> Table:
        return read_table(self._path, self._metric)

    @property
    def data(self) -> EvaluationData:
        t = self._table
        return EvaluationData(f"table {t.name}, {len(t.networks)} networks, {t.metric}, {t.sha256[:12]}", t.classes)

    def evaluate(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> Evaluation:
        table = self._table
        try:
            key = digest(genotype) if table.key == "digest" else options_key(load_space(self.context.space), genotype)
        except SpaceError as error:
            return Evaluation(status="infeasible", reason=str(error))
        row = table.networks.get(key)
        if row is None:
            return Evaluation(status="infeasible", reason=f"the table {table.name} has no network {key}")
        draws = row[table.metric] if isinstance(row[table.metric], list) else [row[table.metric]]
        accuracy = random.Random(seed).choice(draws) / table.scale
        return Evaluation(accuracy=accuracy, seconds=float(row.get(SECONDS, 0.0)), details={"table_key": key})

    def cost(self, networks: Sequence[Genotype], evaluate_all: EvaluateAll) -> list[ExpectedSeconds]:
        """The mean of the simulated seconds; without such a column what a look-up takes."""
        simulated = self._table.seconds()
        if simulated is None:
            return super().cost(networks, evaluate_all)
        return [ExpectedSeconds(simulated) for _ in networks]
