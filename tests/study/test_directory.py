"""The study directory: what it stores and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nasbench.errors import StudyError
from nasbench.study.directory import StudyDirectory, study_path
from nasbench.study.trial import Trial

COMMAND = {"space": "tiny", "latency": {"ms": 20.0}, "trials": 30}


@pytest.mark.parametrize("name", ["a", "mbconv-20ms", "2026_11.run", "é", "x" * 100])
def test_names(name):
    assert study_path("runs", name) == Path("runs") / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "a\0b", "x" * 101, "-rf", ".hidden", "<script>", "a b", "a\n"]
)
def test_names_that_escape(name):
    with pytest.raises(StudyError, match=r"a study's name is 1 to 100 letters.*choose another --name"):
        study_path("runs", name)


def test_study_yaml_holds_the_command_and_the_environment(tmp_path):
    with StudyDirectory.create(tmp_path / "runs" / "a", COMMAND):
        study = yaml.safe_load((tmp_path / "runs/a/study.yaml").read_text())
    assert study["command"] == COMMAND
    assert {"created", "host", "versions", "git"} <= study.keys()
    assert {"python", "torch", "optuna"} <= study["versions"].keys()


def test_the_same_command_continues(tmp_path):
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    before = (tmp_path / "a/study.yaml").read_text()
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    assert (tmp_path / "a/study.yaml").read_text() == before


def test_another_command_is_refused_with_what_differs(tmp_path):
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    before = (tmp_path / "a/study.yaml").read_text()
    other = COMMAND | {"latency": {"ms": 10.0}, "seed": 1}
    with pytest.raises(StudyError) as error:
        StudyDirectory.create(tmp_path / "a", other)
    assert str(error.value) == (
        f"{tmp_path}/a holds the study of another command (latency.ms: 20.0 there, 10.0 now; seed: 'not set' there, 1 now); "
        "choose another --name, or give the command it began with"
    )
    assert (tmp_path / "a/study.yaml").read_text() == before
    StudyDirectory.create(tmp_path / "a", COMMAND).close()  # the refused one left no lock


def test_some_things_may_change(tmp_path):
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    with StudyDirectory.create(tmp_path / "a", COMMAND | {"trials": 60}, may_change=["trials"]):
        assert StudyDirectory.open(tmp_path / "a").command["trials"] == 60


def test_numbers_differ_from_texts(tmp_path):
    StudyDirectory.create(tmp_path / "a", {"seed": 1}).close()
    with pytest.raises(StudyError, match="seed: 1 there, '1' now"):
        StudyDirectory.create(tmp_path / "a", {"seed": "1"})


def test_a_directory_of_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StudyError, match=r"needs an empty directory; .* holds thesis.tex; choose another --name"):
        StudyDirectory.create(tmp_path, COMMAND)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(StudyError, match="is a file; choose another --name"):
        StudyDirectory.create(tmp_path / "a", COMMAND)


@pytest.mark.parametrize("path", ["/proc/nasbench", "/dev/null/a"])
def test_no_permission(path):
    with pytest.raises(StudyError, match=f"a study needs a directory that it may write to; {path}: .*; choose another with --runs"):
        StudyDirectory.create(path, COMMAND)


@pytest.mark.parametrize("content", ["", "[1]", "format: 2\ncommand: {}", "a: [", "\x00", "!!python/object/apply:os.system [ls]"])
def test_a_damaged_study_yaml(content, tmp_path):
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    (tmp_path / "a/study.yaml").write_text(content)
    with pytest.raises(StudyError, match=r"study.yaml .*; restore it from a copy, or choose another --name"):
        StudyDirectory.create(tmp_path / "a", COMMAND)
    assert (tmp_path / "a/study.yaml").read_text() == content


def test_opening_no_study(tmp_path):
    with pytest.raises(StudyError, match=r"a study is a directory with study.yaml; .* has none"):
        StudyDirectory.open(tmp_path)


def test_a_driver_killed_at_its_very_start(tmp_path):
    """The lock and half a study.yaml are there, and nothing else."""
    (tmp_path / "driver.lock").write_text("")
    (tmp_path / ".study.yaml.xk3").write_text("format")
    StudyDirectory.create(tmp_path, COMMAND).close()


def test_where_a_trials_files_lie(tmp_path):
    with StudyDirectory.create(tmp_path / "a", COMMAND) as directory:
        assert not directory.has_trials()
        expected = tmp_path / "a/trials/search-0007"
        assert directory.trial_directory(Trial("search", 7, "running")) == directory.trial_path("search", 7) == expected
        assert directory.has_trials()
