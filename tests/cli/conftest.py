"""The program as its user runs it, on a device whose profile is written down instead of measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasbench.cli import main
from nasbench.genotype import digest, trace
from nasbench.latency import Profile, local_device, profile_path, save_profile
from nasbench.latency.predicting.profile import TimedNetwork
from nasbench.latency.predicting.signature import signatures
from nasbench.search.device_profile import FAMILIAR, samples
from nasbench.spaces import load_space
from nasbench.zoo import known

QUICK = {"images": None, "epochs": 1, "batch_size": 16, "train_size": 16, "calibration": 32}


class Program:
    """Runs `python -m nasbench` in a folder of its own."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "NASBENCH_CACHE": str(cache), "COLUMNS": "140"}
        (folder / "quick.json").write_text(json.dumps(QUICK))
        draw = np.random.default_rng(0)
        for shade, name in enumerate(("dark", "grey", "light")):
            for i in range(30):
                path = folder / "pictures" / name / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(draw.integers(80 * shade, 80 * shade + 90, (16, 16, 3), np.uint8)).save(path)

    def __call__(self, *words: str, **more) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.line(*words), cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=300, **more)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(self.line(*words), cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def line(*words: str) -> list[str]:
        return [sys.executable, "-m", "nasbench", *words]

    def search(self, *words: str, trials: int = 3) -> list[str]:
        """The words of a small search."""
        fixed = [
            "search",
            "--space",
            "tiny",
            "--latency",
            "1s",
            "--trials",
            str(trials),
            "--recipe",
            "quick.json",
            "--workers",
            "2",
            "--data",
            "./pictures",
        ]
        return [*fixed, "--known", "mobilenet_v3_small,shufflenet_v2_x1_0,mnasnet_a1", *words]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with a profile of this machine in which time is a plain function of work."""
    folder = tmp_path_factory.mktemp("cache")
    networks = {}
    for space in ("tiny", "mbconv"):
        networks |= samples(load_space(space), 20)
    networks |= {name: known(name) for name in FAMILIAR}
    timed = []
    for name, g in networks.items():
        layers = trace(g)
        times = [0.02 + x.macs / 4e7 + x.elements / 4e6 for x in layers[1:]]
        ms = sum(times)
        timed.append(TimedNetwork(name, digest(g), ms, ms, ms, 8, tuple(zip(signatures(layers), times, strict=True))))
    before = os.environ.get("NASBENCH_CACHE")
    os.environ["NASBENCH_CACHE"] = str(folder)
    try:
        save_profile(Profile(local_device(), 5.0, tuple(timed), "2026-01-01T00:00:00Z"), profile_path(local_device()))
    finally:
        if before is None:
            del os.environ["NASBENCH_CACHE"]
        else:
            os.environ["NASBENCH_CACHE"] = before
    return folder


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Program:
    """One folder for all tests of a module."""
    return Program(tmp_path_factory.mktemp("program"), cache)


@pytest.fixture
def nasbench(tmp_path: Path, cache: Path) -> Program:
    return Program(tmp_path, cache)


@pytest.fixture
def call(nasbench: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Run the program inside this process, which has torch loaded: for commands that do not train."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(nasbench.folder)
        monkeypatch.setattr(sys, "argv", ["nasbench", *words])
        for name in ("NASBENCH_CACHE", "COLUMNS"):
            monkeypatch.setenv(name, nasbench.env[name])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(list(words), int(ended.value.code or 0), out, err)

    return run
