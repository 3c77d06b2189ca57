"""Tabular benchmarks: what is read of them, which network an entry is, and a whole search on one."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from paper_search import Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.errors import StudyError
from nasbench.evaluate.base import EvaluationContext, Fidelity
from nasbench.evaluate.make import make_evaluator
from nasbench.evaluate.table import TableEvaluator, options_key, read_table
from nasbench.genotype import digest
from nasbench.search.limits import Limits
from nasbench.spaces import load_space
from nasbench.study.sampling import every

TINY, MACRO = load_space("tiny"), load_space("macro")
ALL = list(every(TINY.decode))
CONTEXT = EvaluationContext(space="tiny")


def draws(i):
    return [60.0 + i / 10, 60.1 + i / 10, 60.2 + i / 10]


@pytest.fixture
def tables(tmp_path):
    """The same table with keys of both kinds, and its path."""
    by_digest = {p.digest: {"acc": draws(i), "macs": i, "seconds": 10.0 + i} for i, p in enumerate(ALL)}
    by_options = {options_key(TINY, p.genotype): by_digest[p.digest] for p in ALL}
    for name, networks in (("digest", by_digest), ("options", by_options)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"space": "tiny", "key": name, "networks": networks}))
    return tmp_path


def evaluate(path, genotype, seed=0, **options):
    made = make_evaluator("table", CONTEXT, {"table": str(path), **options})
    return made.evaluate(genotype, Fidelity(), seed, Path())


@pytest.mark.parametrize("kind", ["digest", "options"])
def test_every_network_of_a_space_is_found_by_either_key(tables, kind):
    for i, proposal in enumerate(ALL):
        result = evaluate(tables / f"{kind}.json", proposal.genotype, seed=i)
        assert result.accuracy in [d / 100 for d in draws(i)]
        assert result.seconds == 10.0 + i


def test_keys_tell_all_networks_apart():
    keys = [options_key(TINY, p.genotype) for p in ALL]
    assert len(set(keys)) == len(ALL) == 256


def test_one_draw_an_evaluation_by_seed(tables):
    g = ALL[7].genotype
    seen = [evaluate(tables / "digest.json", g, seed).accuracy for seed in range(300)]
    assert seen == [evaluate(tables / "digest.json", g, seed).accuracy for seed in range(300)]
    counts = Counter(seen)
    assert set(counts) == {d / 100 for d in draws(7)}
    assert min(counts.values()) > 70, "each is drawn about as often"


def test_keys_of_the_macro_space_are_the_benchmarks_own():
    """Its eight digits: the option of each layer."""
    from nasbench.spaces.macro import macro_values

    for arch in ("00000000", "02012100", "22222222", "11111221"):
        values = macro_values(arch)
        assert options_key(MACRO, MACRO.decode(lambda name, options, values=values: values[name])) == arch


def test_a_network_that_is_not_there_is_infeasible(tables):
    content = json.loads((tables / "digest.json").read_text())
    del content["networks"][ALL[3].digest]
    (tables / "gap.json").write_text(json.dumps(content))
    result = evaluate(tables / "gap.json", ALL[3].genotype)
    assert (result.status, result.accuracy) == ("infeasible", None)
    assert result.reason == f"the table gap has no network {ALL[3].digest}"
    outside = evaluate(tables / "options.json", load_space("mbconv").sample(0))
    assert outside.status == "infeasible"
    assert "outside the space tiny" in outside.reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "holds list"),
        ("{", "a table is a JSON file"),
        ('{"networks": {}}', "a mapping of columns for each network"),
        ('{"networks": {"01": 3}}', "a mapping of columns for each network"),
        ('{"01": {"acc": 3}}', "does not say which column is the accuracy; it has acc; give one with --metric"),
        ('{"01": {"acc": [3, "high"]}}', r"acc is a number from 0 to 100.*\[3, 'high'\] for the network 01"),
        ('{"01": {"acc": [3, NaN]}}', "acc is a number from 0 to 100"),
        ('{"01": {"acc": [300]}}', "acc is a number from 0 to 100"),
        ('{"01": {"acc": []}}', "acc is a number from 0 to 100"),
        ('{"01": {"acc": [true]}}', "acc is a number from 0 to 100"),
        ('{"01": {"acc": [3]}, "02": {"err": [3]}}', "has no column 'acc' for the network 02; it has err"),
        ('{"01": {"acc": [3], "seconds": "long"}}', "seconds is a number from 0; .* 'long'"),
        ('{"classes": 1, "networks": {"01": {"acc": [3]}}}', "classes are a whole number from 2"),
        ('{"key": "name", "networks": {"01": {"acc": [3]}}}', "key is digest or options; .* 'name'"),
    ],
)
def test_tables_that_cannot_be(tmp_path, text, message):
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(StudyError, match=message) as error:
        read_table(str(path))
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_file_and_a_missing_column(tables):
    with pytest.raises(StudyError, match=r"a table is a JSON file with one entry per network; .*No such file"):
        read_table(str(tables / "none.json"))
    with pytest.raises(StudyError, match=r"has no column 'ac' .* it has acc, macs, seconds; did you mean acc"):
        read_table(str(tables / "digest.json"), "ac")


def test_a_search_on_a_table(tables):
    """It finds a good network, its seconds are simulated, and no known network is compared."""
    context = EvaluationContext(space="tiny")
    made = problem(Stopwatch(), evaluate=TableEvaluator(context, str(tables / "digest.json")), trials=20, limits=Limits(latency_ms=2.0))
    outcome = run(tables / "study", made)
    study = open_study(tables / "study")
    assert {r["network"].split()[0] for r in study.summary()} == {"search", "random"}
    assert outcome.winner.accuracy > 0.7
    by_digest = {p.digest: 10.0 + i for i, p in enumerate(ALL)}
    assert all(t.seconds == by_digest[t.digest] for t in study.records() if t.status == "ok")


def test_a_time_limit_counts_simulated_seconds(tables):
    """Each evaluation takes 10 to 265 simulated seconds: half an hour has room for few, though the search takes a second."""
    context = EvaluationContext(space="tiny")
    made = problem(
        Stopwatch(),
        evaluate=TableEvaluator(context, str(tables / "digest.json")),
        trials=None,
        time_s=3600.0,
        limits=Limits(latency_ms=2.0),
    )
    run(tables / "study", made)
    simulated = sum(t.seconds or 0 for t in open_study(tables / "study").records())
    assert 1800 < simulated / made.config.workers < 3600 + 265


def test_nas_bench_macro_as_it_is_published():
    path = Path(os.environ.get("NASBENCH_MACRO") or Path(__file__).parents[3] / "shared" / "data" / "nas-bench-macro_cifar10.json")
    if not path.is_file():
        pytest.skip(f"{path} is not there; NASBENCH_MACRO names the file nas-bench-macro_cifar10.json of xiusu/NAS-Bench-Macro")
    table = read_table(str(path))
    assert (table.key, table.metric, table.scale, len(table.networks)) == ("options", "test_acc", 100.0, 6561)
    made = make_evaluator("table", EvaluationContext(space="macro"), {"table": str(path)})
    stored = json.loads(path.read_text())
    for seed in range(20):
        g = MACRO.sample(seed)
        result = made.evaluate(g, Fidelity(), seed, Path())
        assert any(result.accuracy * 100 == pytest.approx(a) for a in stored[result.details["table_key"]]["test_acc"])
        assert digest(MACRO.decode(lambda name, options, key=result.details["table_key"]: _value(name, options, key))) == digest(g)


def _value(name, options, key):
    from nasbench.spaces.macro import macro_values

    return macro_values(key)[name]
