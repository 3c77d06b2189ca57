"""The program itself: exit codes, one line for each error, and where `--plugin` may be written."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest
from messages import one_line

import nasbench as nb
from nasbench import __version__
from nasbench.cli import main as program
from nasbench.cli.interrupts import Interrupted


def test_version_and_help(call):
    assert call("--version").stdout.strip() == f"nasbench {__version__}"
    ran = call("--help")
    assert ran.returncode == 0
    assert "measured latency limit" in ran.stdout
    for name in ("search", "status", "front", "plot", "copy", "dashboard", "device", "scale"):
        assert name in ran.stdout


def test_a_mistake_is_one_line_with_exit_code_2(call):
    one_line(call("status", "nowhere"), "nowhere")
    one_line(call("status"), "--help shows all options")


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (KeyboardInterrupt(), 130, "give the same command again"),
        (Interrupted("interrupted; it keeps all"), 130, "nasbench: interrupted; it keeps all"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), 2, "x...: File name too long; check the path"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), 2, "cannot write runs/a: No space left on device"),
    ],
)
def test_interrupts_and_full_disks_have_a_message(call, monkeypatch, error, code, part):
    def fail(path):
        raise error

    monkeypatch.setattr("nasbench.analysis.study.open_study", fail)
    ran = call("status", "runs/a")
    assert ran.returncode == code
    assert part in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_error_of_the_program_keeps_its_traceback(call, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("nasbench.analysis.study.open_study", fail)
    with pytest.raises(OSError, match="Input/output"):
        call("status", "runs/a")


@pytest.mark.parametrize("words", ["known", "show inception_v3 --yaml", "show resnet50 --json", "--help"])
def test_a_reader_that_leaves_sees_no_error(nasbench, words):
    """A table of rich, an echo of typer, and texts longer and shorter than a pipe's buffer."""
    shell = f"set -o pipefail; {' '.join(nasbench.line(*words.split()))} | head -n 1"
    ran = subprocess.run(["bash", "-c", shell], cwd=nasbench.folder, env=nasbench.env, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.count("\n"), ran.stderr) == (0, 1, "")


def test_a_pipe_that_is_not_the_output_is_an_error_of_the_program(call, monkeypatch):
    def fail(path):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("nasbench.analysis.study.open_study", fail)
    with pytest.raises(BrokenPipeError):
        call("status", "runs/a")


@pytest.mark.parametrize("group", [(), ("device",), ("scale",)], ids=["nasbench", "device", "scale"])
def test_a_group_of_commands_alone_prints_its_help(call, group):
    ran = call(*group)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == call(*group, "--help").stdout
    assert ran.stdout.count("\n") > 10


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("quux",), "nasbench: No such command 'quux'; nasbench --help shows all options\n"),
        (("device", "profil"), "nasbench: No such command 'profil'. Did you mean 'profile'?; nasbench device --help shows all options\n"),
        (("status",), "nasbench: Missing argument 'path'; nasbench status --help shows all options\n"),
    ],
)
def test_a_misused_command_names_its_help(call, words, line):
    assert call(*words).stderr == line


LONG = "x" * 5000


@pytest.mark.parametrize(
    "words",
    [
        ("show", f"{LONG}.yaml"), ("show", LONG), ("cost", LONG), ("export", LONG), ("export", "resnet18", "--out", f"{LONG}.yaml"),
        ("export", "resnet18", "--out", "a.yaml", "--weights", LONG), ("compare", "resnet18", "resnet50", "--draw", f"{LONG}.png"),
        ("show", "resnet18", "--draw", f"{LONG}.svg"), ("spaces", f"{LONG}.yaml"), ("spaces", f"a/{LONG}"), ("verify", LONG),
        ("status", LONG), ("front", LONG), ("resume", LONG), ("copy", LONG, "to"), ("plot", LONG), ("device", "show", f"{LONG}.json"),
        ("device", "show", LONG), ("scale", LONG), ("scale", "resnet18", "--law", LONG), ("search", LONG), ("--plugin", LONG, "known"),
        ("search", "--latency", "20ms", "--device", LONG), ("search", "--latency", "20ms", "--data", f"./{LONG}"),
        ("search", "--latency", "20ms", "--recipe", LONG), ("search", "--latency", "20ms", "--space", f"{LONG}.yaml"),
        ("search", "--latency", "20ms", "--evaluator", "table", "--table", LONG), ("search", "--latency", "20ms", "--runs", LONG),
        ("search", "--latency", "20ms", "--name", LONG), ("search", "--latency", "20ms", "--data-root", LONG, "--data", "mnist"),
    ],
    ids=lambda words: " ".join(words).replace(LONG, "LONG"),
)  # fmt: skip
def test_a_path_of_5000_characters_is_one_short_line(nasbench, call, words):
    assert len(one_line(call(*words))) < 1500


ENCODINGS = [
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"PYTHONIOENCODING": "latin-1"},
]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_any_encoding_of_the_output(nasbench, encoding):
    """The name holds ±, a letter of another script, and a character outside the basic plane."""
    name = "± ネ 🐍"
    (nasbench.folder / "mine.yaml").write_text(f"name: {name}\nstem: [{{op: conv, width: 8}}]\n", encoding="utf-8")
    for words in (("show", "mine.yaml"), ("show", "mine.yaml", "--yaml"), ("show", "mine.yaml", "--json"), ("cost", "±.yaml")):
        ran = subprocess.run(nasbench.line(*words), cwd=nasbench.folder, env={**nasbench.env, **encoding}, capture_output=True)
        assert ran.returncode == (2 if "±.yaml" in words else 0), ran.stderr
        assert b"Traceback" not in ran.stderr
    written = subprocess.run(
        nasbench.line("export", "mine.yaml", "--out", "again.yaml"),
        cwd=nasbench.folder,
        env={**nasbench.env, **encoding},
        capture_output=True,
    )
    assert written.returncode == 0, written.stderr
    assert nb.Genotype.from_yaml(nasbench.folder / "again.yaml").name == name


def test_a_plugin_may_be_named_after_every_command():
    groups = [program.__globals__["program"]()]
    commands = []
    while groups:
        for command in groups.pop().commands.values():
            (groups if hasattr(command, "commands") else commands).append(command)
    assert len(commands) > 15
    for command in commands:
        assert [p.name for p in command.params].count("plugin") == 1, command.name


def test_a_warning_is_one_line_however_often_it_is_given(nasbench):
    (nasbench.folder / "warns.py").write_text(
        "import warnings\n"
        "from nasbench.errors import IgnoredFileWarning\n"
        'warnings.warn("a.json is ignored", IgnoredFileWarning)\n'
        'warnings.warn("a.json is ignored", IgnoredFileWarning)\n'
        "from nasbench.strategies.base import strategy\n"
        "@strategy\n"
        "def mine(seed: int):\n"
        '    """A strategy."""\n'
    )
    ran = nasbench("--plugin", "warns.py", "show", "activations")
    assert (ran.returncode, ran.stderr) == (0, "nasbench: a.json is ignored\n")


def test_help_loads_no_torch():
    check = "import sys; sys.argv = ['nasbench', '--help']\nfrom nasbench.cli import main\n"
    check += "try:\n    main()\nexcept SystemExit:\n    pass\nprint('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert ran.stdout.strip().endswith("False")
