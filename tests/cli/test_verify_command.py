"""verify: exit codes, what it says, what it writes, and which cards it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from messages import one_line
from safetensors.numpy import save_file

from nasbench.cli.shared import MISSED
from nasbench.latency import Prediction, load_card, local_device, make_card, save_card
from nasbench.latency.measurement import Measurement, Round, judge
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.plugins import forget_plugin, load_plugin


def timed(ms: float, reference_ms: float = 5.0, noise: float = 0.0) -> Measurement:
    return judge([Round(ms * (1 + noise * (i % 3 - 1)), reference_ms, 0.0) for i in range(12)])


@pytest.fixture
def card(nasbench) -> Path:
    path = nasbench.folder / "card.json"
    save_card(make_card(REFERENCE, 20.0, local_device(1), timed(18.0)), path)
    return path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Says what is measured from now on."""

    def will(m: Measurement) -> None:
        monkeypatch.setattr("nasbench.latency.verify.measure", lambda networks, *_, **__: dict.fromkeys(networks, m))

    return will


@pytest.mark.parametrize(
    ("now", "code", "words"),
    [
        (timed(19.0), 0, ["kept", "19.00 ms", "18.00 ms", "20 ms"]),
        (timed(39.0, reference_ms=10.0), 0, ["kept", "39.00 ms", "19.50 ms", "2.00 times as long"]),
        (timed(21.0), MISSED, ["missed", "21.00 ms"]),
    ],
)
def test_the_exit_code_is_the_answer(call, card: Path, machine, now: Measurement, code: int, words: list[str]) -> None:
    machine(now)
    before = card.read_text()
    done = call("verify", "card.json")
    assert (done.returncode, card.read_text()) == (code, before)
    for part in words:
        assert part in done.stdout
    data = json.loads(call("verify", "card.json", "--json").stdout)
    assert (data["answer"], data["target_ms"], data["written"]) == (words[0], 20.0, False)
    assert data["at_card_speed"]["median_ms"] == pytest.approx(now.median_ms * 5.0 / now.reference_ms)


def test_a_noisy_machine_says_so_with_the_spread(call, card: Path, machine) -> None:
    machine(timed(20.0, noise=0.3))
    one_line(call("verify", "card.json"), "quieter machine", "14 to 26 ms holds the limit 20 ms", "spread", "wide")


def test_a_card_from_a_search_for_another_machine_is_completed_there(call, card: Path, machine) -> None:
    save_card(make_card(REFERENCE, 20.0, local_device(1)), card)
    machine(timed(20.0, noise=0.3))
    assert call("verify", "card.json").returncode == 2
    assert load_card(card).measured is None
    machine(timed(19.0))
    done = call("verify", "card.json")
    assert done.returncode == 0
    assert "written into card.json" in done.stdout
    assert (load_card(card).measured, load_card(card).met) == (timed(19.0), True)


def test_an_unverified_card_is_completed_when_the_machine_is_quiet(call, card: Path, machine) -> None:
    save_card(make_card(REFERENCE, 20.0, local_device(1), predicted=Prediction(18.0, 16.0, 19.9), unverified="it was busy"), card)
    assert (json.loads(card.read_text())["unverified"], load_card(card).met) == ("it was busy", None)
    machine(timed(19.0))
    done = call("verify", "card.json")
    assert done.returncode == 0
    for words in ("not measured until now: it was busy", "18.00 ms", "16.00 to 19.90 ms, predicted", "written into card.json", "kept"):
        assert words in done.stdout, words
    assert (load_card(card).measured, load_card(card).met, load_card(card).unverified) == (timed(19.0), True, "")
    assert "unverified" not in json.loads(card.read_text())


def test_a_study_that_cannot_be_told_is_said_and_the_card_is_written(call, card: Path, machine) -> None:
    best = card.parent / "damaged" / "best"
    best.mkdir(parents=True)
    for name in ("study.yaml", "summary.json"):
        (best.parent / name).write_text("{")
    unverified = make_card(REFERENCE, 20.0, local_device(1), predicted=Prediction(18.0, 16.0, 19.9), unverified="it was busy")
    save_card(unverified, best / "card.json")
    machine(timed(19.0))
    done = call("verify", "damaged")
    assert done.returncode == 0
    assert "the card was completed, and the study was not: " in done.stderr
    assert load_card(best / "card.json").measured == timed(19.0)


def test_the_delivered_weights_are_measured_and_said(call, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def measure(networks, *_, weights=None, **__):
        seen.append(weights)
        return dict.fromkeys(networks, timed(19.0))

    monkeypatch.setattr("nasbench.latency.verify.measure", measure)
    assert "measured now with random weights; denormal numbers count as zero" in call("verify", "card.json").stdout
    save_file({"a": np.zeros(2, np.float32)}, card.parent / "weights.safetensors")
    save_card(make_card(REFERENCE, 20.0, local_device(1), timed(18.0), weights="of another file"), card)
    done = call("verify", "card.json")
    assert "measured now with the delivered weights; denormal numbers" in done.stdout
    assert "note: weights.safetensors is not the file with which the card was measured" in done.stdout
    save_card(make_card(REFERENCE, 20.0, local_device(1)), card)
    data = json.loads(call("verify", "card.json", "--json").stdout)
    assert seen == [None, {"reference": Path("weights.safetensors")}, {"reference": Path("weights.safetensors")}]
    assert load_card(card).weights == data["weights"] != ""


def test_a_busy_machine_names_who_keeps_it_busy(call, card: Path, machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasbench.latency.measuring.other_work.other_work", lambda: "process 7 (loop) keeps 1.9 cores")
    machine(replace(timed(10.0), waited=0.4, noisy=True, why="other work kept the cores 40% of the time"))
    one_line(call("verify", "card.json"), "process 7 (loop) keeps 1.9 cores", "stop that and verify again")


def test_a_card_of_a_plugins_runtime_needs_the_plugin(call, card: Path, machine) -> None:
    file = card.parent / "my_runtime.py"
    file.write_text("from nasbench.latency.runtimes import runtime\n\n\n@runtime\ndef mine(g, device):\n    raise NotImplementedError\n")
    plugin = load_plugin(file)
    save_card(make_card(REFERENCE, 20.0, local_device(1, runtime="mine"), timed(18.0)), card)
    forget_plugin(plugin)
    machine(timed(19.0))
    one_line(call("verify", "card.json"), "a runtime is one of eager", "got 'mine'", "--plugin FILE.py")
    done = call("verify", "card.json", "--plugin", "my_runtime.py")
    assert done.returncode == 0, done.stderr
    assert ", mine, 1 thread, " in done.stdout
    file.write_text(file.read_text() + "# changed since\n")
    one_line(call("verify", "card.json", "--plugin", "my_runtime.py"), "the device has mine (plugin)", "profile the device again")


def test_a_study_may_be_named_too(call, card: Path, machine) -> None:
    (card.parent / "runs" / "a" / "best").mkdir(parents=True)
    card.rename(card.parent / "runs" / "a" / "best" / "card.json")
    machine(timed(19.0))
    assert call("verify", "runs/a").returncode == 0


def test_another_machines_card_is_refused(call, card: Path) -> None:
    save_card(replace(load_card(card), device=replace(local_device(1), name="Abacus 9")), card)
    one_line(call("verify", "card.json"), "only a device of this machine can be measured", "Abacus 9")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda text: text[:-200], "is damaged"),
        (lambda text: "", "is damaged"),
        (lambda text: '{"format": "nasbench device profile", "version": 1}', "is not a nasbench card"),
        (lambda text: text.replace('"version": 3', '"version": 2', 1), "is version 2"),
        (lambda text: text.replace('"version": 3', '"version": 4', 1), "is version 4"),
        (lambda text: text.replace('"target_ms": 20.0', '"target_ms": 30.0'), "its checksum differs"),
        (lambda text: text.replace("width: 48", "width: 40"), "its checksum differs"),
    ],
)
def test_a_card_that_is_not_as_it_was_written_is_refused(call, card: Path, change, rule: str) -> None:
    text = card.read_text()
    assert change(text) != text
    card.write_text(change(text))
    one_line(call("verify", "card.json"), "card.json", rule)


def test_no_card_is_one_line(call) -> None:
    one_line(call("verify", "none.json"), "cannot read the card none.json")


@pytest.mark.alone
def test_a_card_is_measured_for_real(nasbench, card: Path) -> None:
    save_card(make_card(REFERENCE, 1000.0, local_device(1)), card)
    done = nasbench("verify", "card.json")
    assert done.returncode == 0, done.stderr
    assert "kept" in done.stdout
