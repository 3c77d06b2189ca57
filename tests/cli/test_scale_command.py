"""`scale` and `scale fit` as their user runs them."""

from __future__ import annotations

import json

import pytest

import nasbench as nb
from nasbench.cli import scale as commands
from nasbench.scaling import from_spec


def test_a_step_of_phi_is_shown_beside_the_network(call):
    ran = call("scale", "efficientnet_b0", "--phi", "1")
    assert ran.returncode == 0
    for words in ("EfficientNet's law: alpha 1.2, beta 1.1, gamma 1.15", "385,814,752", "859,853,760", "3x256x256", "2.229"):
        assert words in ran.stdout, words


def test_json_has_both_networks_and_the_law(call):
    ran = call("scale", "mobilenet_v1", "--width", "0.75", "--resolution", "160", "--json")
    result = json.loads(ran.stdout)
    g = nb.scale(nb.known("mobilenet_v1"), width=0.75, resolution=160)
    assert result["law"] is None
    assert result["after"]["macs"] == nb.cost(g).macs
    assert nb.Genotype.from_yaml(result["genotype"]) == g
    assert result["before"]["params"] == 4_231_976
    assert json.loads(call("scale", "efficientnet_b0", "--json").stdout)["law"]["growth"] == pytest.approx(1.92027)


def test_factors_may_be_fractions_and_the_stem_may_stay(call, nasbench):
    ran = call("scale", "wrn40_1_cifar10", "--width", "10", "--depth", "2/3", "--no-stem", "--out", "wide.yaml")
    assert "wrote wide.yaml" in ran.stdout
    wide = nb.Genotype.from_yaml(nasbench.folder / "wide.yaml")
    assert nb.digest(wide) == nb.digest(nb.known("wrn28_10_cifar10"))
    assert "36,479,194" in ran.stdout


def test_a_strategy_is_rounded_as_in_pycls(call):
    result = json.loads(call("scale", "resnet50", "--spec", "d1_w8_r1", "--size", "4", "--json").stdout)
    law = from_spec("d1_w8_r1")
    g = nb.scale(nb.known("resnet50"), phi=2, alpha=law.alpha, beta=law.beta, gamma=law.gamma, rounding="nearest")
    assert result["after"]["macs"] == nb.cost(g).macs
    fast = json.loads(call("scale", "resnet50", "--spec", "fast", "--size", "4", "--json").stdout)
    assert fast["after"] == result["after"]


def test_a_factor_of_the_resolution(call):
    result = json.loads(call("scale", "mobilenet_v1", "--resolution", "x0.714", "--json").stdout)
    assert result["after"]["input"] == [3, 160, 160]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("resnet5",), "did you mean"),
        (("resnet18", "--phi", "1", "--width", "2"), "leave out one or the other"),
        (("resnet18", "--phi", "1", "--size", "2"), "leave one out"),
        (("resnet18", "--spec", "d1_x2"), "such as d1_w8_r1"),
        (("resnet18", "--spec", "dwr", "--alpha", "2"), "a law is given in one way"),
        (("resnet18", "--width", "two"), "got 'two'"),
        (("resnet18", "--width", "1/0"), "got '1/0'"),
        (("resnet18", "--width", "0"), "a factor above 0"),
        (("resnet18", "--resolution", "big"), "got 'big'"),
        (("resnet18", "--resolution", "x1e999"), "x1e999"),
        (("resnet18", "--size", "-1"), "above 0"),
        (("resnet18", "--phi", "99"), "from -20 to 20"),
        (("resnet18", "--rounding", "down"), "rounding is up, nearest or total"),
        (("resnet18", "--law", "nowhere"), "nowhere"),
        (("resnet18", "--width", "2", "--spec", "dwr"), "follow no law"),
        (("resnet18", "--targets", "5"), "did you mean 5ms"),
        (("resnet18", "--targets", "5ms,5ms"), "different latencies"),
        (("resnet18", "--targets", "5ms", "--phi", "1"), "leave them out"),
        (("inception_v2", "--resolution", "336"), "need one height and width"),
        (("fit", "resnet5"), "did you mean"),
        (("fit", "resnet18", "--time", "20"), "did you mean 20min"),
        (("fit", "resnet18", "--divisor", "0"), "--divisor is a whole number"),
        (("fit", "resnet18", "--recipe", "none.json"), "none.json"),
        (("fit", "recipe.yaml"), "recipe.yaml"),
        (("fit",), "--help"),
    ],
)
def test_mistakes_are_one_line_and_code_2(call, words, message):
    ran = call("scale", *words)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr


def test_help_shows_both_commands(call):
    shown = call("scale", "--help").stdout
    assert "fit" in shown
    assert "--phi" in call("scale", "resnet18", "--help").stdout
    assert "--latency" in call("scale", "fit", "--help").stdout


def test_a_law_of_a_fit_is_shown_with_its_intervals(call, nasbench):
    def interval(value):
        return {"value": value, "low": value - 0.1, "high": value + 0.1}

    for name, cost, beta in (("one", "MACs", 1.2), ("two", "latency", 1.3)):
        (nasbench.folder / name).mkdir()
        fit = {"alpha": interval(1.1), "beta": interval(beta), "gamma": interval(1.1), "trials": 60}
        (nasbench.folder / name / "fit.json").write_text(json.dumps({"cost": cost, "fit": fit}))
    ran = call("scale", "resnet18", "--law", "one", "--law", "two")
    assert ran.returncode == 0, ran.stderr
    for words in ("one, under MACs", "two, under latency", "1.200 [1.100, 1.300]", "60"):
        assert words in ran.stdout, words


@pytest.fixture
def fits(monkeypatch):
    """The configurations and folders of the fits that a command would run."""
    calls = []
    monkeypatch.setattr(commands, "run_fit_study", lambda config, path, *_: calls.append((config, path)))
    return calls


def test_a_recipe_file_stands_for_the_command(call, nasbench, fits):
    (nasbench.folder / "r.yaml").write_text(
        "network: resnet20_cifar10\ntime: 3min\nlatency: true\ndivisor: 4\nrecipe: quick.json\nname: mine\n"
    )
    assert call("scale", "fit", "r.yaml").returncode == 0
    words = ("resnet20_cifar10", "--time", "3min", "--latency", "--divisor", "4", "--recipe", "quick.json", "--name", "mine")
    assert call("scale", "fit", *words).returncode == 0
    assert fits[0] == fits[1]
    assert call("scale", "fit", "r.yaml", "--divisor", "2").returncode == 0
    assert fits[2][0].divisor == 2
    (nasbench.folder / "r.yaml").write_text("network: resnet20_cifar10\ntiem: 3min\n")
    ran = call("scale", "fit", "r.yaml")
    assert ran.returncode == 2
    assert "did you mean time" in ran.stderr


@pytest.mark.alone
def test_a_fit_and_a_family_for_real(program):
    """Minutes: it trains and measures."""
    words = [
        "scale",
        "fit",
        "resnet20_cifar10",
        "--data",
        "./pictures",
        "--recipe",
        "quick.json",
        "--divisor",
        "4",
        "--time",
        "3min",
        "--name",
        "f",
    ]
    ran = program(*words)
    assert ran.returncode == 0, ran.stderr
    for text in ("plan", "what doubles", "alpha", "95 % intervals", "fresh seeds"):
        assert text in ran.stdout, text
    path = program.folder / "runs" / "f"
    for name in ("study.yaml", "plan.json", "candidates.json", "ledger.db", "fit.json", "curves.csv", "scaling.png"):
        assert (path / name).stat().st_size > 0, name
    again = program(*words, "--json")
    assert json.loads(again.stdout)["fit"] == json.loads((path / "fit.json").read_text())["fit"]
    assert program("resume", "runs/f").returncode == 0
    family = program("scale", "mobilenet_v3_small", "--targets", "30ms,80ms", "--law", "runs/f")
    assert family.returncode in (0, 3), family.stderr
    assert (program.folder / "runs" / "family-mobilenet_v3_small" / "family.png").stat().st_size > 0
