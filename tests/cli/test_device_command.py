"""Devices by the command line: what is stored, what a file brings, and what is never used."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from messages import one_line

from nasbench.api import stored_profile_of
from nasbench.cli.main import program
from nasbench.genotype import digest
from nasbench.latency import DeviceConfig, Predictor, Profile, load_profile, local_device, profile_path, save_profile
from nasbench.latency.measurement import Round, judge
from nasbench.latency.runtimes import RUNTIMES
from nasbench.plugins import Plugin, forget_plugin, load_plugin, loaded_plugins
from nasbench.search.config import SearchConfig
from nasbench.search.limits import Limits
from nasbench.zoo import known


@pytest.fixture
def profile(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """This machine's, as it is stored."""
    monkeypatch.setenv("NASBENCH_CACHE", str(cache))
    return load_profile(profile_path(local_device()))


@pytest.fixture
def mail(nasbench, profile: Profile) -> Path:
    """A profile of another machine."""
    save_profile(replace(profile, device=replace(profile.device, name="Abacus 9", threads=7)), nasbench.folder / "mail.json")
    return nasbench.folder / "mail.json"


def test_list_names_what_is_stored(call, profile: Profile, cache: Path) -> None:
    (cache / "devices" / "broken.json").write_text("{")
    try:
        out = call("device", "list").stdout
        assert profile.device.key in out
        assert "not usable: a device profile is JSON" in out
        stored = json.loads(call("device", "list", "--json").stdout)
    finally:
        (cache / "devices" / "broken.json").unlink()
    assert [row.get("networks") for row in stored if "not_usable" not in row] == [len(profile.networks)]
    assert sum("not_usable" in row for row in stored) == 1


@pytest.mark.parametrize("name", ["nothing", "key", "beginning", "file"])
def test_show_says_what_was_profiled(call, profile: Profile, mail: Path, name: str) -> None:
    words = {"nothing": [], "key": [profile.device.key], "beginning": [profile.device.key[:-4]], "file": ["mail.json"]}[name]
    done = call("device", "show", *words)
    assert done.returncode == 0
    for part in ("Abacus 9" if name == "file" else profile.device.name, profile.made, "torch ", "mobilenet_v2", "either way for 90 %"):
        assert part in done.stdout
    data = json.loads(call("device", "show", *words, "--json").stdout)
    assert {n["name"]: n["ms"] for n in data["networks"]} == pytest.approx({n.name: n.ms for n in profile.networks})
    assert data["error"] > 0


def test_show_of_what_is_not_there(call, profile: Profile) -> None:
    one_line(call("device", "show", "abacsu"), "no stored profile has the key 'abacsu'", "device list")
    one_line(call("device", "show", "none.json"), "cannot read the device profile none.json")


def damaged(path: Path, how: str) -> None:
    data = json.loads(path.read_text())
    match how:
        case "truncated":
            path.write_text(path.read_text()[:-500])
        case "corrupt":
            path.write_bytes(b"\x89PNG\xff\xfe" + path.read_bytes())
        case "foreign":
            path.write_text('{"format": "a recipe", "version": 1}')
        case "older":
            path.write_text(json.dumps(data | {"version": 0}))
        case "newer":
            path.write_text(json.dumps(data | {"version": 99}))
        case "edited":
            path.write_text(path.read_text().replace('"ms": ', '"ms": 1', 1))
        case "another runtime":  # written by a nasbench that has one more
            data["device"]["runtime"] = "warp"
            path.write_text(json.dumps(data))


DAMAGES = {
    "truncated": "is damaged",
    "corrupt": "is damaged",
    "foreign": "is not a nasbench device profile",
    "older": "is version 0",
    "newer": "is version 99",
    "edited": "its checksum differs",
    "another runtime": "its checksum differs",
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_file_that_is_not_as_it_was_written_predicts_nothing(call, mail: Path, how: str) -> None:
    damaged(mail, how)
    search = ("--space", "tiny", "--latency", "1s", "--device", "mail.json")
    for words in (
        ("plan", *search),
        ("search", *search),
        ("device", "profile", "--device", "mail.json"),
        ("device", "check", "--device", "mail.json"),
        ("device", "show", "mail.json"),
    ):
        done = call(*words)
        one_line(done, "mail.json", DAMAGES[how])
        assert done.stdout == ""
    assert not (mail.parent / "runs").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--device", "gpu"), ["a device is cpu, cuda or a profile's file", "'gpu'"]),
        (("--device", "none.json"), ["cannot read the device profile none.json"]),
        (("--device", "mail.json", "--threads", "2"), ["mail.json has threads 7, --threads says 2"]),
        (("--device", "mail.json", "--runtime", "compile"), ["mail.json has runtime eager, --runtime says compile"]),
        (("--runtime", "onnx"), ["a runtime is one of", "'onnx'", "did you mean onnxruntime"]),
        (("--runtime", "onnxruntime", "--precision", "bf16"), ["onnxruntime runs on cpu in fp32, contiguous", "bf16"]),
        (("--memory-format", "nhwc"), ["memory_format is one of contiguous, channels_last", "'nhwc'"]),
        (("--batch", "0"), ["--batch is a whole number from 1"]),
    ],
)
def test_a_device_that_cannot_be_is_one_line_in_every_command(call, mail: Path, words: tuple[str, ...], parts: list[str]) -> None:
    for command in (("plan", "--latency", "1s"), ("search", "--latency", "1s"), ("device", "profile"), ("device", "check")):
        one_line(call(*command, "--space", "tiny", *words), *parts)


def test_another_machine_is_not_profiled_or_checked_here(call, mail: Path) -> None:
    for command in ("profile", "check"):
        one_line(call("device", command, "--device", "mail.json", "--space", "tiny"), "only a device of this machine", "Abacus 9")


def test_a_runtime_without_times_of_layers_is_adapted_from_eager(call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def profile_device(device, genotypes, *, pool, more, base, **_: object):
        asked.update(runtime=device.runtime, base=base, networks=len(genotypes) + more, pool=len(pool))
        timed = tuple(replace(n, kernels=tuple((s, None) for s, _ in n.kernels)) for n in base.networks[:16])
        return replace(base, device=device, networks=timed, base=base)

    monkeypatch.setattr("nasbench.latency.predicting.profiling.profile_device", profile_device)
    answer = call("device", "profile", "--runtime", "compile", "--json")
    assert answer.returncode == 0, answer.stderr
    assert asked["base"].device.runtime == "eager"
    assert (asked["runtime"], asked["networks"], asked["pool"]) == ("compile", 16, 150)
    stored = load_profile(Path(json.loads(answer.stdout)["file"]))
    assert stored.base == asked["base"]
    Path(json.loads(answer.stdout)["file"]).unlink()  # the cache is the session's


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--networks", "3"), "a profile takes 10 to 1000 networks; got 3"),
        (("--from", "nothing.json"), "cannot read the device profile nothing.json"),
    ],
)
def test_what_cannot_be_profiled_is_said_in_one_line(call, words: tuple[str, ...], said: str) -> None:
    one_line(call("device", "profile", *words), said)


def test_a_check_needs_a_profile(call) -> None:
    one_line(call("device", "check", "--runtime", "onnxruntime"), "a check needs a profile", "onnxruntime", "device profile")


def test_check_measures_what_was_not_profiled(call, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, predictor = {}, Predictor(profile)

    def measure(networks, device, **_: object):
        """Each as predicted, but one of them twice as slow."""
        asked.update(networks)
        ms = {name: predictor.predict(g).ms * (2 if name == next(iter(networks)) else 1) for name, g in networks.items()}
        return {name: judge([Round(one, profile.reference_ms, 0.0)] * 8) for name, one in ms.items()}

    monkeypatch.setattr("nasbench.latency.predicting.checking.measure", measure)
    words = ("device", "check", "--space", "mbconv", "--networks", "6", "--known", "4")
    data = json.loads(call(*words, "--json").stdout)
    assert len(data["rows"]) == len(asked) == 10
    assert sum(name in known() for name in asked) == 4
    assert not {digest(g) for g in asked.values()} & {n.digest for n in profile.networks}
    assert (data["within5"], data["within10"], data["slowdown"]) == (0.9, 0.9, 1.0)
    assert [row["error"] for row in data["rows"]] == pytest.approx([-0.5] + [0.0] * 9)
    first = set(asked)
    asked.clear()
    done = call(*words, "--seed", "2")
    assert done.returncode == 0
    for part in ("within 5 %", "90%", "Spearman", "coverage", "median error", "noise", *asked):
        assert part in done.stdout
    assert set(asked) != first


def test_a_study_goes_on_with_the_profile_that_it_kept(profile: Profile, tmp_path: Path) -> None:
    """The file that its device came from is gone."""
    gone = SearchConfig(space="tiny", limits=Limits(latency_ms=20.0), device=DeviceConfig(str(tmp_path / "gone.json")))
    assert stored_profile_of(gone, tmp_path) is None
    save_profile(replace(profile, device=replace(profile.device, name="Abacus 9")), tmp_path / "profile.json")
    kept = stored_profile_of(gone, tmp_path)
    assert kept is not None
    assert kept.device.name == "Abacus 9"
    assert stored_profile_of(replace(gone, device=DeviceConfig()), tmp_path) is None  # this machine is what it is now


@pytest.mark.slow
def test_a_plan_against_another_machine_predicts(nasbench, mail: Path) -> None:
    words = nasbench.search("--device", "mail.json", "--json")
    done = nasbench("plan", *words[1:])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fastest_ms"] > 0


@pytest.mark.alone
@pytest.mark.parametrize("runtime", ["eager", "onnxruntime"])
def test_this_machine_is_profiled(nasbench, tmp_path: Path, runtime: str) -> None:
    nasbench.env["NASBENCH_CACHE"] = str(tmp_path / "cache")
    words = ("--space", "tiny", "--runtime", runtime, "--threads", "1", "--json")
    done = nasbench("device", "profile", *words)
    if "a profile needs a quiet machine" in done.stderr:
        pytest.skip("this machine is too busy to be profiled")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert (data["device"]["runtime"], data["device"]["threads"]) == (runtime, 1)
    assert load_profile(Path(data["file"])).device == local_device(1, runtime=runtime)


RUNTIME = """
from nasbench.latency.runtimes import Loaded, runtime


@runtime(kinds=("cpu",))
def mine(g, device):
    from nasbench.latency.runtimes.torch_network import torch_network

    return Loaded(torch_network(g, device).runner())
"""
MINE = ("--runtime", "mine", "--plugin", "my_runtime.py")


@pytest.fixture
def plugin(nasbench, profile: Profile) -> Iterator[Plugin]:
    """A runtime of the user's own, with a stored profile."""
    file = nasbench.folder / "my_runtime.py"
    file.write_text(RUNTIME)
    loaded = load_plugin(file)
    path = profile_path(local_device(runtime="mine"))
    save_profile(replace(profile, device=local_device(runtime="mine")), path)
    yield loaded
    path.unlink()  # the cache is the session's


@pytest.mark.slow
def test_a_runtime_of_ones_own_is_planned_and_listed_with_its_plugin(call, plugin: Plugin) -> None:
    words = ("plan", "--space", "tiny", "--latency", "1s", *MINE)
    done = call(*words)
    assert done.returncode == 0, done.stderr
    assert ", mine, " in done.stdout
    forget_plugin(plugin)
    assert json.loads(call(*words, "--json").stdout)["fastest_ms"] > 0
    key = local_device(runtime="mine").key
    assert key in call("device", "list", "--plugin", "my_runtime.py").stdout
    forget_plugin(loaded_plugins()[0])
    one_line(call(*words[:-2]), "a runtime is one of eager", "'mine'", "--plugin FILE.py")
    listed = call("device", "list").stdout
    assert key not in listed
    assert "not usable: a runtime is one of" in listed


@pytest.mark.alone
def test_a_runtime_of_ones_own_is_searched_with_verified_and_looked_at(nasbench, plugin: Plugin) -> None:
    search = nasbench.start(*nasbench.search("--name", "mine", *MINE))
    _, error = search.communicate(timeout=900)
    if "quiet machine" in error or "measuring took more than" in error:
        pytest.skip("this machine is too busy to measure")
    assert search.returncode == 0, error
    (nasbench.folder / "my_runtime.py").unlink()  # the study has a copy
    for words in (("front", "runs/mine"), ("status", "runs/mine"), ("resume", "runs/mine")):
        done = nasbench(*words)
        assert done.returncode == 0, done.stderr
    one_line(nasbench("verify", "runs/mine"), "a runtime is one of eager", "--plugin FILE.py")
    done = nasbench("verify", "runs/mine", "--plugin", "runs/mine/plugins/my_runtime.py")
    assert done.returncode == 0, done.stderr
    assert "kept" in done.stdout


PAGE = (Path(__file__).parents[2] / "docs" / "devices.md").read_text()


@pytest.mark.parametrize("line", re.findall(r"^    (?:\$ )?nasbench (.+)$", PAGE, re.MULTILINE))
def test_the_commands_of_the_page_can_be_given(line: str) -> None:
    words = shlex.split(line, comments=True)
    command = program()
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("nasbench", words)


def test_the_page_names_every_runtime() -> None:
    assert re.findall(r"^\| `(\w+)` ", PAGE, re.MULTILINE) == list(RUNTIMES)
