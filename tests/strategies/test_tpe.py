"""TPE is Optuna's where its first proposal is a new network within the limits."""

from __future__ import annotations

from learning import DECODE, search
from optuna.samplers import TPESampler
from toy_search import record

from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.seeds import derive
from nasbench.study.trial import judge


def test_its_first_proposal_is_optunas(monkeypatch):
    study = InMemoryStudy("toy", ("maximize",), [])
    monkeypatch.setattr("optuna.samplers._tpe.sampler.warn_experimental_argument", lambda _: None)
    for number in range(25):
        sampler = TPESampler(seed=derive(4, number), multivariate=True, group=True, constant_liar=True)
        study.finish(number, judge(record(study.sample(sampler, DECODE).genotype), 1))
    optunas = [t.params for t in study.trials()]
    assert [t.params for t in search("tpe", 4, 25, attempts=1)] == optunas
    new = next((i for i, params in enumerate(optunas) if params in optunas[:i]), 25)
    assert 10 < new < 25, "it repeats itself after its random beginning, or this shows less"
    ours = [t.params for t in search("tpe", 4, 25)]
    assert ours[:new] == optunas[:new]
    assert ours[new] != optunas[new]
