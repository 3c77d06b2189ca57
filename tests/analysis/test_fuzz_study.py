"""A study's files as accidents and strangers leave them: whatever they hold, reading ends with data or with an error of ours."""

from __future__ import annotations

import copy
import json
import random
import shutil
import sqlite3
import warnings
from contextlib import closing, suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paper_search import Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.cli.shared import winner_of
from nasbench.cli.text.status import show_state
from nasbench.cli.text.study import show_summary
from nasbench.errors import NasbenchError
from nasbench.latency.card import load_card
from nasbench.search.config import SearchConfig
from nasbench.search.extension import earlier_finalists
from nasbench.search.final.finalists import load_finalists
from nasbench.search.limits import Limits
from nasbench.search.plan import Plan
from nasbench.search.reuse import reused_trials
from nasbench.study.directory import StudyDirectory
from nasbench.study.measurements import Measurements
from nasbench.study.plugins import load_stored_plugins
from nasbench.study.snapshot import copy_study

FILES = (
    "study.yaml", "ledger.db", "ledger.jsonl", "plan.json", "profile.json", "summary.json", "finalists.json", "measurements.jsonl",
    "best/card.json", "best/genotype.yaml", "trials/search-0000/result.json", "driver.lock",
)  # fmt: skip
QUICK, SLOW = 12, 200  # inputs for each file


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study with every file that a reader may meet, and a copy of it as `nasbench copy` makes it."""
    path = tmp_path_factory.mktemp("fuzz") / "study"
    run(path, problem(Stopwatch(), trials=5, workers=1, limits=Limits(latency_ms=1.0)))
    (path / "trials/search-0000/result.json").write_text(json.dumps({"status": "ok", "accuracy": 0.5, "task": "abc"}))
    assert all((path / name).exists() for name in FILES)
    return path


def look(path: Path) -> None:
    """Everything that the commands read of a study."""
    readings = [
        lambda: repr(open_study(path)),
        lambda: open_study(path)._repr_html_(),
        lambda: open_study(path).records(),
        lambda: open_study(path).trials(),
        lambda: open_study(path).front(),
        lambda: open_study(path).best(),
        lambda: open_study(path).hypervolume(),
        lambda: open_study(path).state().to_json(),
        lambda: open_study(path).verdict(),
        lambda: show_state(open_study(path)),
        lambda: show_summary(open_study(path)),
        lambda: open_study(path).spent(),
        lambda: open_study(path).fields(),
        lambda: open_study(path).predictor(),
        lambda: open_study(path).measured_by,
        lambda: SearchConfig.from_command(open_study(path).command),
        lambda: StudyDirectory.open(path).history,
        lambda: load_stored_plugins(path),
        lambda: Plan.from_json(path / "plan.json"),
        lambda: load_finalists(path / "finalists.json"),
        lambda: earlier_finalists(path),
        lambda: Measurements(path / "measurements.jsonl", 5.0),
        lambda: winner_of(path),
        lambda: load_card(path / "best/card.json"),
        lambda: reused_trials(path.parent / "new", str(path), dict(open_study(path).command)),
    ]
    for reading in readings:
        with suppress(NasbenchError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reading()


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below a folder; SQLite may make its own beside a database that it reads."""
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.name.endswith(("-wal", "-shm"))}


def check(study: Path, folder: Path, name: str, content: bytes) -> None:
    """Read a copy of the study in which a file has another content. Nothing is written, and nothing else is raised."""
    path = folder / "study"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(study, path)
    (path / name).write_bytes(content)
    before = snapshot(folder)
    look(path)
    assert snapshot(folder) == before
    if name == "ledger.db":
        (path / "ledger.jsonl").unlink()  # which would replace it
        look(path)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The same bytes with an accident: bits flipped, a part lost, doubled, or overwritten."""
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.choice((1, 4, 100, 5000)))
    kind = rng.randrange(6)
    if kind == 0:
        spoilt = bytearray(data or b"x")
        for _ in range(rng.choice((1, 1, 3, 50))):
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        return bytes(spoilt)
    middle = {1: b"", 2: data[start:end] * 2, 3: rng.randbytes(end - start), 4: b"\0" * (end - start)}
    return data[:start] if kind == 5 else data[:start] + middle[kind] + data[end:]


STRANGE = (None, True, -1, 0, 1e308, 10**400, float("nan"), float("inf"), "", "x", "é" * 50, "../../x", [], [[]], {}, {"a": {}}, ["search"])


def strange(value, rng: random.Random):
    """The same data with one part replaced by something that does not belong there, or left out."""
    value = copy.deepcopy(value)
    places = []

    def collect(part):
        for key, below in list(part.items()) if isinstance(part, dict) else list(enumerate(part)):
            places.append((part, key))
            if isinstance(below, dict | list):
                collect(below)

    if isinstance(value, dict | list):
        collect(value)
    if not places:
        return rng.choice(STRANGE)
    for _ in range(rng.choice((1, 1, 1, 3))):
        part, key = rng.choice(places)
        with suppress(KeyError, IndexError):
            if rng.random() < 0.2:
                del part[key]
            else:
                part[key] = rng.choice(STRANGE)
    return value


def strange_file(path: Path, rng: random.Random) -> bytes:
    """The file's data with a strange part, in the file's own format."""
    text = path.read_text()
    if path.suffix == ".yaml":
        return yaml.safe_dump(strange(yaml.safe_load(text), rng), allow_unicode=True).encode()
    if path.suffix == ".jsonl":
        lines = text.splitlines()
        chosen = rng.randrange(len(lines))
        lines[chosen] = json.dumps(strange(json.loads(lines[chosen]), rng))
        return ("\n".join(lines) + "\n").encode()
    return json.dumps(strange(json.loads(text or "{}"), rng)).encode()


def strange_ledger(study: Path, folder: Path, rng: random.Random) -> bytes:
    """The ledger with a strange value in one cell: JSON that is broken, a state that Optuna does not have, a text for a number."""
    file = folder / "strange.db"
    file.write_bytes((study / "ledger.db").read_bytes())
    tables = {
        "trials": ("number", "state", "datetime_start", "datetime_complete"),
        "trial_params": ("param_name", "param_value", "distribution_json"),
        "trial_values": ("value", "value_type"),
        "trial_user_attributes": ("key", "value_json"),
        "trial_system_attributes": ("value_json",),
        "studies": ("study_name",),
        "study_directions": ("direction",),
        "study_user_attributes": ("value_json",),
    }
    values = (
        "{",
        "[]",
        "null",
        "",
        "WAITING",
        "DONE",
        "3",
        7,
        -1,
        2**40,
        1e300,
        None,
        b"\xff\xfe",
        '{"a": 1}',
        "9999-99-99",
        '"x"',
        "1e999",
    )
    with closing(sqlite3.connect(file)) as connection, connection:
        table = rng.choice(sorted(tables))
        column = rng.choice(tables[table])
        rows = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")]
        with suppress(sqlite3.IntegrityError):
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (rng.choice(values), rng.choice(rows)))
    content = file.read_bytes()
    file.unlink()
    return content


def inputs(study: Path, folder: Path, name: str, count: int):
    rng = random.Random(name)
    for i in range(count):
        if i % 2:
            yield damaged((study / name).read_bytes(), rng)
        elif name == "ledger.db":
            yield strange_ledger(study, folder, rng)
        elif name == "driver.lock":
            yield rng.choice((b"[]", b'{"pid": "x"}', b'{"pid": -1, "host": 3}', b"\xff", b'{"pid": 99999999999999999999}', b"{}"))
        else:
            yield strange_file(study / name, rng)


@pytest.mark.parametrize("name", FILES)
def test_damaged_and_strange_files(name, study, tmp_path):
    for content in inputs(study, tmp_path, name, QUICK):
        check(study, tmp_path, name, content)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_many_damaged_and_strange_files(name, study, tmp_path):
    for content in inputs(study, tmp_path, name, SLOW):
        check(study, tmp_path, name, content)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
def test_any_content(name, study, tmp_path, content):
    check(study, tmp_path, name, content)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_or_a_broken_link_in_place_of_a_file(name, study, tmp_path):
    for make in (Path.mkdir, lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to(path.name)):
        path = shutil.copytree(study, tmp_path / "study")
        (path / name).unlink()
        make(path / name)
        look(path)
        shutil.rmtree(path)


def test_a_copied_study(study, tmp_path):
    whole = copy_study(StudyDirectory.open(study), tmp_path / "copy")
    rng = random.Random(3)
    for i in range(QUICK):
        path = shutil.copytree(whole, tmp_path / str(i))
        file = path / "trials.jsonl"
        file.write_bytes(strange_file(file, rng) if i % 2 else damaged(file.read_bytes(), rng))
        look(path)


def test_the_inputs_are_damaged(study, tmp_path):
    """The control: most of them are refused by some reader, or at least differ from the file."""
    for name in FILES[:-1]:
        others = list(inputs(study, tmp_path, name, 16))[1::2]
        assert sum(content != (study / name).read_bytes() for content in others) >= 6
