"""status, front, plot and copy, as their user runs them."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest
from made_study import COMMAND, add_profile, add_summary, add_trials, make_study, result, row

import nasbench as nb
from nasbench.errors import StudyError
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger

SEARCH = [result(0.70, 10), result(0.80, 12), result(None, 30)]


@pytest.fixture
def runs(nasbench):
    """Two studies in the program's folder."""
    base = nasbench.folder / "runs"
    make_study(base / "a", SEARCH, [result(0.6, 11)])
    add_profile(base / "a")
    make_study(base / "b", [result(0.72, 9)], latency_ms=10.0)
    return base


class TestStatus:
    def test_once(self, call, runs):
        ran = call("status", "runs/a")
        assert ran.returncode == 0
        for part in ("no driver works on it", "not finished", "2 ok", "1 over_budget", "80.0% at 12.0 ms (search 1)", "3 trainings"):
            assert part in ran.stdout, part

    def test_json_is_printed_once_even_when_watched(self, call, runs):
        data = json.loads(call("status", "runs/a", "--watch", "--json").stdout)
        assert data["trials"]["search"] == {"ok": 2, "over_budget": 1}
        assert data["best"]["search"] == {"number": 1, "accuracy": 0.8, "latency_ms": 12}
        assert (data["driver"], data["finished"], data["summary"]) == (None, False, [])

    def test_watching_a_study_that_nobody_drives_ends_at_once(self, call, runs):
        assert "no driver works on it" in call("status", "runs/a", "--watch").stdout

    def test_watching_ends_with_the_study(self, nasbench):
        """In a process of its own, while a driver holds the study and adds trials."""
        path = nasbench.folder / "runs" / "live"
        with StudyDirectory.create(path, dict(COMMAND)) as folder, Ledger.open(folder) as ledger:
            watching = nasbench.start("status", "runs/live", "--watch", "--every", "0.2")
            assert watching.stdout.readline().startswith("no trial yet")
            for count in range(1, 3):
                add_trials(ledger, "search", [result(0.5 + count / 10, 10)])
                while f"{count} ok" not in (line := watching.stdout.readline()):  # it may look while a trial still runs
                    assert line, watching.stderr.read()
            assert watching.poll() is None
        rest, errors = watching.communicate(timeout=60)
        assert watching.returncode == 0, errors
        assert "no driver works on it" in rest

    def test_no_study(self, call):
        ran = call("status", "runs/none", "--watch")
        assert ran.returncode == 2
        assert "study.yaml" in ran.stderr


class TestFront:
    def test_of_one(self, call, runs):
        ran = call("front", "runs/a")
        assert ran.returncode == 0
        assert "hypervolume 7.800 ms x accuracy (reference 20 ms, accuracy 0%)" in ran.stdout
        assert (runs / "a" / "front.png").read_bytes().startswith(b"\x89PNG")
        assert (runs / "a" / "front.csv").read_text().count("\n") == 3

    def test_of_several(self, call, runs):
        ran = call("front", "runs/a", "runs/b")
        assert ran.returncode == 0
        lines = ran.stdout.splitlines()
        assert [line.split()[:3] for line in lines if line.startswith(("a ", "b "))][:3] == [
            ["a", "search", "0"],
            ["a", "search", "1"],
            ["b", "search", "0"],
        ]
        assert "below 20 ms" in ran.stdout
        assert "note: a is not finished" in ran.stdout
        data = json.loads(call("front", "runs/a", "runs/b", "--json").stdout)
        assert [s["hypervolume_ms"] for s in data["studies"]] == pytest.approx([7.8, 11 * 0.72])
        assert data["reference"] == {"latency_ms": 20.0, "accuracy": 0.0}
        assert len(data["front"]) == 3

    def test_what_cannot_be_compared(self, call, runs):
        make_study(runs / "c", SEARCH, device="there")
        ran = call("front", "runs/a", "runs/c")
        assert ran.returncode == 2
        assert "latencies differ in device" in ran.stderr
        assert "Traceback" not in ran.stderr
        allowed = call("front", "runs/a", "runs/c", "--anyway")
        assert allowed.returncode == 0
        assert "not comparable: latencies differ in device" in allowed.stdout

    def test_young(self, call, runs):
        make_study(runs / "young")
        assert "the front is empty" in call("front", "runs/young").stdout
        assert json.loads(call("front", "runs/young", "--json").stdout) == []
        assert call("front", "runs/young", "runs/a").returncode == 0


class TestPlot:
    def test_writes_what_it_says(self, call, nasbench, runs):
        ran = call("plot", "runs/a", "--what", "time", "--out", "time.svg")
        assert ran.stdout.strip() == "wrote time.svg"
        assert (nasbench.folder / "time.svg").read_text().startswith("<?xml")
        assert call("plot", "runs/a", "runs/b").stdout.strip() == "wrote front.png"

    @pytest.mark.parametrize(
        ("words", "part"), [(("--what", "tim"), "did you mean time"), (("--out", "a.docx"), "png"), (("--samples", "0"), "--samples")]
    )
    def test_mistakes(self, call, runs, words, part):
        ran = call("plot", "runs/a", *words)
        assert ran.returncode == 2
        assert part in ran.stderr


class TestCopy:
    def test_reads_like_the_study(self, call, nasbench, runs):
        add_summary(runs / "a", [row("search 1", 12, 0.8, winner=True)])
        assert call("copy", "runs/a", "small").stdout.startswith("wrote small: ")
        first, second = (nb.open_study(p) for p in (runs / "a", nasbench.folder / "small"))
        assert second.records() == first.records()
        pd.testing.assert_frame_equal(second.trials(), first.trials())
        assert second.summary() == first.summary()
        assert second.device == first.device
        before = sorted(p.name for p in (nasbench.folder / "small").iterdir())
        assert before == ["profile.json", "study.yaml", "summary.json", "trials.jsonl"]

    def test_of_a_running_study_holds_one_moment(self, call, nasbench):
        path = nasbench.folder / "runs" / "live"
        with StudyDirectory.create(path, dict(COMMAND)) as folder, Ledger.open(folder) as ledger:
            add_trials(ledger, "search", [result(0.5, 10), None])
            assert call("copy", "runs/live", "small").returncode == 0
            add_trials(ledger, "search", [result(0.6, 10)])
        assert list(nb.open_study(nasbench.folder / "small").trials()["status"]) == ["ok", "running"]

    def test_it_is_to_look_at(self, call, nasbench, runs):
        """No driver goes on with it, and its files stay as they are."""
        call("copy", "runs/a", "small")
        small = nasbench.folder / "small"
        before = {p.name: p.read_bytes() for p in small.iterdir()}
        with pytest.raises(StudyError, match="copy"):
            StudyDirectory.create(small, dict(COMMAND))
        ran = call("dashboard", "small", "--no-browser", "--port", "0")
        assert ran.returncode == 2
        assert "copy" in ran.stderr or "pip install" in ran.stderr
        assert call("status", "small").returncode == 0
        assert {p.name: p.read_bytes() for p in small.iterdir()} == before

    @pytest.mark.parametrize("damage", ["{", '{"phase": "search"}', '{"phase": "search", "number": 0, "status": "ok", "evil": 1}', "[1]"])
    def test_a_damaged_copy_is_an_error(self, call, nasbench, runs, damage):
        call("copy", "runs/a", "small")
        with (nasbench.folder / "small" / "trials.jsonl").open("a") as file:
            file.write(damage)
        ran = call("status", "small")
        assert ran.returncode == 2
        assert "trials.jsonl" in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_never_over_something(self, call, nasbench, runs):
        (nasbench.folder / "there").mkdir()
        ran = call("copy", "runs/a", "there")
        assert ran.returncode == 2
        assert "new directory" in ran.stderr


def test_the_commands_that_only_look_load_no_torch(nasbench, runs):
    """They are asked often, beside a search that needs the cores."""
    check = "import sys; from nasbench.cli import main\ntry:\n    main()\nexcept SystemExit: pass\nprint('torch' in sys.modules)"
    for words in (["status", "runs/a"], ["front", "runs/a", "--json"]):
        ran = subprocess.run(
            [sys.executable, "-c", check, *words], cwd=nasbench.folder, env=nasbench.env, capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip().endswith("False"), words
