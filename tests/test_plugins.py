"""A file of blocks: what loading it does, what it refuses and what it leaves behind then."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import nasbench as nb
from nasbench.errors import GenotypeError, PluginError
from nasbench.genotype import BLOCK_TYPES, Block, trace
from nasbench.plugins import forget_plugin, loaded_plugins, read_plugin, use_plugin

TWICE = '''
from nasbench.genotype import block
from nasbench.genotype.fields import Width


@block
def twice(t, x, *, width: Width = "in*2"):
    """Two units of one width."""
    return t.unit(t.unit(x, t.width(width, x)), t.width(width, x))
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(TWICE)
    return path


def test_its_words_work_like_any_other(file: Path) -> None:
    plugin = nb.load_plugin(file)
    assert plugin.registered == ("twice",)
    assert plugin.sha256 == sha256(file.read_bytes()).hexdigest()
    g = nb.Genotype.from_yaml("input: [4, 8, 8]\nstem: [{op: twice}]\n")
    assert trace(g)[-1].shape == (8, 8, 8)
    assert BLOCK_TYPES["twice"].describe() == [("width", "Width", "in*2")]
    forget_plugin(plugin)
    with pytest.raises(GenotypeError, match=r"there is no block 'twice'.*--plugin FILE\.py"):
        nb.Genotype.from_yaml("stem: [{op: twice}]")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("t.conv(x, 0)", "a convolution has at least one channel and one group; got a width of 0 and 1 groups"),
        ("t.conv(x, 8, groups=0)", "a convolution has at least one channel and one group; got a width of 8 and 0 groups"),
        ("t.linear(x, -1)", "a linear layer has at least one output; got a width of -1"),
    ],
)
def test_a_word_cannot_make_a_layer_of_nothing(file: Path, call: str, said: str) -> None:
    file.write_text(TWICE.replace("t.unit(t.unit(x, t.width(width, x)), t.width(width, x))", call))
    nb.load_plugin(file)
    g = nb.Genotype.from_yaml("input: [4, 8, 8]\nstem: [{op: twice}]\n")
    with pytest.raises(GenotypeError) as caught:
        trace(g)
    assert said in str(caught.value)


def test_the_same_file_is_run_once(file: Path) -> None:
    first = nb.load_plugin(file)
    word = BLOCK_TYPES["twice"]
    assert nb.load_plugin(str(file)) is first
    copy = file.parent / "copy.py"
    copy.write_text(TWICE)
    assert nb.load_plugin(copy) is first  # the same text elsewhere, as a study keeps it
    assert BLOCK_TYPES["twice"] is word
    assert loaded_plugins() == (first,)


def test_a_changed_file_replaces_its_words(file: Path) -> None:
    nb.load_plugin(file)
    space = file.parent / "space.yaml"
    space.write_text("resolution: 8\nstem: [{op: twice}]\n")
    assert trace(nb.space(str(space)).sample(0))[-1].shape[0] == 6
    file.write_text(TWICE.replace("in*2", "in*3") + TWICE.replace("twice", "again"))
    assert nb.load_plugin(file).registered == ("twice", "again")
    assert trace(nb.space(str(space)).sample(0))[-1].shape[0] == 9  # also where a block of that row was made before
    file.write_text(TWICE)
    nb.load_plugin(file)
    assert "again" not in BLOCK_TYPES
    assert len(loaded_plugins()) == 1


@pytest.mark.parametrize("broken", ["1 / 0", "def f(:", "import numpi", "@block\ndef fire(t, x):\n    return x"])
def test_what_fails_half_way_leaves_the_words_that_were_there(file: Path, broken: str) -> None:
    nb.load_plugin(file)
    before, loaded = dict(BLOCK_TYPES), loaded_plugins()
    file.write_text(TWICE.replace("twice", "other") + "\n" + broken)
    with pytest.raises(PluginError):
        nb.load_plugin(file)
    assert before == BLOCK_TYPES
    assert loaded_plugins() == loaded
    assert loaded[0].module in sys.modules


def test_its_module_is_the_paths(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    (file.parent / "sub").mkdir()
    (file.parent / "sub" / "mine.py").write_text(TWICE)
    assert read_plugin("mine.py").module == read_plugin(file).module
    assert read_plugin("mine.py").module != read_plugin("sub/mine.py").module


def test_it_is_itself_from_another_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    plugin = nb.load_plugin("mine.py")
    monkeypatch.chdir("/")
    assert plugin.registered == ("twice",)
    file.write_text(TWICE.replace("Two", "2"))
    assert nb.load_plugin(file).registered == ("twice",)
    assert len(loaded_plugins()) == 1


def test_reading_runs_nothing(file: Path) -> None:
    file.write_text("raise SystemExit")
    assert read_plugin(file).source == "raise SystemExit"


def test_the_text_counts_and_not_the_file(file: Path) -> None:
    """What another process loads is what this one did, even if the file was changed or is gone."""
    plugin = read_plugin(file)
    file.unlink()
    use_plugin(plugin)
    assert plugin.registered == ("twice",)


def test_words_of_two_files_may_not_be_the_same(file: Path) -> None:
    nb.load_plugin(file)
    word, other = BLOCK_TYPES["twice"], file.parent / "other.py"
    other.write_text(TWICE.replace("Two", "2"))
    with pytest.raises(PluginError) as caught:
        nb.load_plugin(other)
    assert str(caught.value) == f"{other}:6: there is already a block 'twice', from {file}; choose another name"
    assert BLOCK_TYPES["twice"] is word


HEAD = "from nasbench.genotype import block\n"

# the file, and what its error says after `FILE`
MISTAKES = [
    ("def f(t x):\n    pass", ":1: this is not Python: invalid syntax (def f(t x):); correct it there"),
    ("x = (", ":1: this is not Python: '(' was never closed (x = (); correct it there"),
    ("x = 1\0", "null bytes"),
    ("import numpi", ":1: ModuleNotFoundError: No module named 'numpi'; a plugin is one file that may import installed packages"),
    ("def g():\n    return 1 / 0\n\n\ng()", ":2: ZeroDivisionError: division by zero; correct it there"),
    ("raise ValueError('two\\nlines')", ":1: ValueError: two lines; correct it there"),
    ("import sys\nsys.exit(3)", ":2: SystemExit: 3; correct it there"),
    ("x = 1", " registers none; write @block (from nasbench.genotype)"),
    (HEAD + "\n\n@block\ndef fire(t, x):\n    return x", ":4: there is already a block 'fire', from nasbench.genotype.blocks.mobile;"),
    (
        HEAD + "@block\ndef f(t, x):\n    return x\n@block\ndef f(t, x):\n    return x",
        ":6: a name is defined once; 'f' is there in line 3",
    ),
    (HEAD + "@block\ndef f(t, x, width: int):\n    return x", ":2: a block is a function (t, x, *, fields...)"),
    (HEAD + "block(3)", ":2: a block is a function"),
    (HEAD + "@block()\ndef f(t, x):\n    return x", ":2: TypeError: block() missing 1 required positional argument"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_said_where_it_is(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    before = dict(BLOCK_TYPES)
    with pytest.raises(PluginError) as caught:
        nb.load_plugin(file)
    message = str(caught.value)
    assert str(file) in message
    assert said in message
    assert "\n" not in message
    assert before == BLOCK_TYPES


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.py", "No such file or directory; check the path"),
        (".", "is a folder; name a file in it"),
        ("folder.py", "is a folder; name a file in it"),
        ("mine.txt", "such as my_blocks.py; got 'mine.txt'"),
        ("my.blocks", "got 'my.blocks'"),
        ("", "is a folder"),
        ("bytes.py", "is UTF-8 text; bytes.py is not"),
        ("large.py", "at most 1,000,000 bytes; large.py has 1,000,001"),
    ],
)
def test_what_is_no_file_of_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "mine.txt").write_text(TWICE)
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe")
    (tmp_path / "large.py").write_bytes(b"#" * 1_000_001)
    with pytest.raises(PluginError) as caught:
        nb.load_plugin(path)
    assert said in str(caught.value)


def test_what_it_prints_is_no_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("print('hello')\n" + TWICE)
    nb.load_plugin(file)
    assert capsys.readouterr() == ("", "hello\n")


def test_a_byte_order_mark_and_postponed_annotations(file: Path) -> None:
    file.write_text("from __future__ import annotations\n" + TWICE, encoding="utf-8-sig")
    nb.load_plugin(file)
    assert Block("twice", {"width": 8}).fields["width"] == 8
    assert BLOCK_TYPES["twice"].describe() == [("width", "Width", "in*2")]


# the block's body, and what tracing it says
BODIES = [
    ("return t.unit(x, 8 // (width - 16))", "the block 'mine' failed at FILE:4: ZeroDivisionError: integer division or modulo by zero"),
    ("return helper(t, x)", "the block 'mine' failed at FILE:6: AttributeError: a tracer has no method 'cnov'"),
    ("return t.conv(x, len(width))", "the block 'mine' failed at FILE:4: TypeError"),
    ("return endless(t, x)", "the block 'mine' failed at FILE:8: RecursionError"),
    (
        "t.unit(x, width)",
        "a block returns the value that it made last, as in return t.add(y, x); 'mine' returned None; correct it at FILE:2",
    ),
    ("return x.shape", "'mine' returned (8, 4, 4)"),
    ("return t", "'mine' returned <nasbench.genotype.tracer.Tracer object"),
    ("return x._replace(shape=(1, 1, 1))", "a block returns a value of the tracer that it was given; 'mine' returned another's"),
    ("return other(x.shape)", "a block returns a value of the tracer that it was given; 'mine' returned another's"),
    ("return t.conv(x, width / 2)", "width, kernel and stride are whole numbers; got 8.0, 1, 1; divide them by //"),
    ("return t.conv(x, width, stride=1.0)", "width, kernel and stride are whole numbers; got 16, 1, 1.0"),
    ("return t.linear(x, width / 2)", "a width is a whole number; got 8.0"),
    ("return t.act(x, 'rleu')", "an activation is one of none, relu, relu6"),
    ("return t.pool(x, 'mean', 2, 2)", "pooling is max or avg; got 'mean'"),
]


@pytest.mark.parametrize(("body", "said"), BODIES)
@pytest.mark.parametrize("before", ["", ", before"])
def test_a_block_that_fails_in_a_network_says_where_in_both(file: Path, body: str, said: str, before: str) -> None:
    file.write_text(
        f"from nasbench.genotype import Style, Tracer, block\n@block\ndef mine(t, x{before}, *, width: int):\n    {body}\n"
        "def helper(t, x):\n    return t.cnov(x)\ndef endless(t, x):\n    return endless(t, x)\n"
        "def other(shape):\n    t = Tracer(Style(), shape)\n    for _ in range(9):\n        y = t.conv(t.layers[0], 8)\n    return y\n"
    )
    nb.load_plugin(file)
    g = nb.Genotype.from_yaml("input: [3, 4, 4]\nstages: [[{op: conv, width: 8}, {op: mine, width: 16}]]\n")
    for _ in range(2):  # nothing of the first attempt may be taken for a block that was written
        with pytest.raises(GenotypeError) as caught:
            trace(g)
        message = str(caught.value)
        assert message.startswith("stage 1, block 2 (stages.0.1): ")
        assert said.replace("FILE", str(file)) in message
        assert "\n" not in message


def test_another_tracers_value_is_told_by_what_it_is_and_not_by_its_number(file: Path) -> None:
    """The other tracer's value has a number that this one has as well."""
    file.write_text(
        "from nasbench.genotype import Style, Tracer, block\n@block\ndef mine(t, x):\n    t.conv(x, 8)\n"
        "    o = Tracer(Style(), x.shape)\n    return o.conv(o.layers[0], 8)\n"
    )
    nb.load_plugin(file)
    with pytest.raises(GenotypeError, match="returned another's"):
        trace(nb.Genotype.from_yaml("input: [3, 4, 4]\nstem: [{op: mine}]\n"))


def test_loading_needs_no_torch(file: Path) -> None:
    code = f"import sys, nasbench; nasbench.load_plugin({str(file)!r}); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
