"""A study holds copies of its plugins, continues with those it began with, and runs only code that its user has run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nasbench.errors import StudyError
from nasbench.genotype import BLOCK_TYPES
from nasbench.plugins import Plugin, forget_plugin, load_plugin, loaded_plugins
from nasbench.study.directory import StudyDirectory
from nasbench.study.plugins import load_stored_plugins, plugins_of_study, store_plugins

TEXT = "from nasbench.genotype import block\n\n\n@block\ndef same(t, x):\n    return x\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(TEXT)


def begun(path: str, *plugins: Plugin) -> Path:
    """A study that began with these plugins."""
    by_name = plugins_of_study(Path(path), plugins)
    with StudyDirectory.create(path, {"seed": 0, "plugins": {n: p.sha256 for n, p in by_name.items()}}) as directory:
        store_plugins(directory.path, by_name)
    return Path(path)


@pytest.fixture
def study() -> Path:
    """A study whose plugin file is gone, in a process that has not loaded it."""
    plugin = load_plugin("mine.py")
    path = begun("runs/a", plugin)
    forget_plugin(plugin)
    Path("mine.py").unlink()
    return path


def test_a_study_continues_with_its_copy(study: Path) -> None:
    assert (study / "plugins" / "mine.py").read_text() == TEXT
    assert "same" not in BLOCK_TYPES
    load_stored_plugins(study)
    assert "same" in BLOCK_TYPES
    assert plugins_of_study(study, loaded_plugins()).keys() == {"mine.py"}


def test_a_study_without_plugins_loads_nothing() -> None:
    path = begun("runs/b")
    load_stored_plugins(path)
    assert loaded_plugins() == ()
    assert not (path / "plugins").exists()


def test_a_file_that_the_user_names_comes_before_the_copy(study: Path) -> None:
    (study / "plugins" / "mine.py").write_text("raise SystemExit")
    Path("renamed.py").write_text(TEXT)
    plugin = load_plugin("renamed.py")
    load_stored_plugins(study)
    assert loaded_plugins() == (plugin,)
    by_name = plugins_of_study(study, loaded_plugins())
    assert by_name == {"mine.py": plugin}  # under the name that the study has for it
    store_plugins(study, by_name)
    assert (study / "plugins" / "mine.py").read_text() == TEXT  # and the copy is restored


def test_a_changed_plugin_is_refused(study: Path) -> None:
    Path("mine.py").write_text(TEXT + "\n# changed\n")
    plugin = load_plugin("mine.py")
    message = r"runs/a began with another mine\.py \(sha256 \w{12} then, \w{12} now\).*another --name.*--plugin runs/a/plugins/mine\.py$"
    with pytest.raises(StudyError, match=message):
        load_stored_plugins(study)
    with pytest.raises(StudyError, match=message):
        plugins_of_study(study, [plugin])


def test_a_missing_and_an_added_plugin_are_refused(study: Path) -> None:
    with pytest.raises(StudyError, match=r"runs/a began with the plugin mine\.py .*; give it again: --plugin runs/a/plugins/mine\.py"):
        plugins_of_study(study, [])
    with pytest.raises(StudyError, match=r"runs/a began without the plugin more\.py; leave it out, or choose another --name"):
        plugins_of_study(study, [Plugin("elsewhere/mine.py", TEXT, "m"), Plugin("more.py", "", "m")])


def test_a_copy_that_was_changed_is_not_run(study: Path) -> None:
    (study / "plugins" / "mine.py").write_text(TEXT + "raise SystemExit")
    with pytest.raises(StudyError, match=r"plugins/mine\.py was changed since the study began .*; restore it, or give the file"):
        load_stored_plugins(study)


def test_a_copy_that_is_gone_is_requested(study: Path) -> None:
    (study / "plugins" / "mine.py").unlink()
    with pytest.raises(StudyError, match=r"its copy is missing; give the file it began with: --plugin mine\.py"):
        load_stored_plugins(study)


def test_a_study_from_elsewhere_runs_nothing_until_its_user_says_so(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text and its digest agree, but no search of this user ever ran it."""
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "another user's"))
    with pytest.raises(StudyError, match=r"holds Python that no search of yours has run here.*--plugin runs/a/plugins/mine\.py$"):
        load_stored_plugins(study)
    assert loaded_plugins() == ()
    load_plugin("runs/a/plugins/mine.py")
    load_stored_plugins(study)
    store_plugins(study, plugins_of_study(study, loaded_plugins()))  # as the search does when it continues
    forget_plugin(loaded_plugins()[0])
    load_stored_plugins(study)


@pytest.mark.parametrize("plugins", [{"../mine.py": "0"}, {"/etc/mine.py": "0"}, {"mine.py": 3}, ["mine.py"], "mine.py"])
def test_a_study_names_no_file_outside_itself(study: Path, plugins: object) -> None:
    content = yaml.safe_load((study / "study.yaml").read_text())
    content["command"]["plugins"] = plugins
    (study / "study.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(StudyError, match="a study's plugins are file names and their sha256"):
        load_stored_plugins(study)


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(StudyError, match=r"under their file names; a/mine\.py and b/mine\.py have the same; rename one"):
        plugins_of_study(Path("runs/new"), [Plugin("a/mine.py", "1", "m"), Plugin("b/mine.py", "2", "m")])
