"""Each mistake is one line on stderr with the rule, the values and what to do, and exit code 2."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from messages import one_line
from PIL import Image

SEARCH = ("search", "--space", "mbconv")

BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

# words, and what the line must say
CASES = [
    ((*SEARCH, "--latency", "20"), ["unit", "'20'", "20ms"]),
    ((*SEARCH, "--latency", "-5ms"), ["positive", "-5ms"]),
    ((*SEARCH, "--latency", "20 parsecs"), ["unit", "parsecs"]),
    ((*SEARCH, "--latency", "nan"), ["positive number"]),
    ((*SEARCH,), ["--latency 20ms"]),
    (("search", "--space", "mbcon", "--latency", "20ms"), ["no space 'mbcon'", "mbconv"]),
    ((*SEARCH, "--latency", "20ms", "--strategy", "evolutoin"), ["evolutoin", "evolution"]),
    ((*SEARCH, "--latency", "20ms", "--reward", "sotf"), ["sotf", "soft"]),
    ((*SEARCH, "--latency", "20ms", "--trials", "0"), ["--trials", "from 1"]),
    ((*SEARCH, "--latency", "20ms", "--control", "smal"), ["--control", "'smal'", "did you mean small"]),
    ((*SEARCH, "--latency", "20ms", "--jobs", "0"), ["--jobs", "from 1"]),
    ((*SEARCH, "--latency", "20ms", "--engine", "rya"), ["rya", "did you mean ray"]),
    ((*SEARCH, "--latency", "20ms", "--address", "auto"), ["--address", "--engine ray"]),
    ((*SEARCH, "--latency", "20ms", "--engine", "ray", "--cpus-per-trial", "512"), ["512 CPUs", "this machine has", "--cpus-per-trial"]),
    ((*SEARCH, "--latency", "20ms", "--gpus-per-trial", "64"), ["GPU", "0 trains on the CPU"]),
    ((*SEARCH, "--latency", "20ms", "--engine", "ray", "--measure-on", "phone"), ["--measure-on", "--device FILE"]),
    ((*SEARCH, "--latency", "20ms", "--known", "resnet5"), ["resnet5", "resnet50"]),
    ((*SEARCH, "--latency", "20ms", "--data", "cifar01"), ["cifar01", "cifar10"]),
    ((*SEARCH, "--latency", "20ms", "--data", "./no-such-folder"), ["no-such-folder"]),
    ((*SEARCH, "--latency", "20ms", "--time", "8"), ["unit", "8min"]),
    ((*SEARCH, "--latency", "20ms", "--name", "../x"), ["name", "'../x'"]),
    ((*SEARCH, "--latency", "20ms", "--recipe", "none.json"), ["recipe", "none.json"]),
    ((*SEARCH, "--latency", "20ms", "--eta", "3"), ["--eta 3", "3 or more epochs", "has 1", "--epochs 9"]),
    ((*SEARCH, "--latency", "20ms", "--rungs", "1,x"), ["separated by commas", "'1,x'"]),
    ((*SEARCH, "--latency", "20ms", "--rungs", "3,1,9"), ["each above the one before", "3, 1, 9"]),
    ((*SEARCH, "--latency", "20ms", "--rungs", "1,3,9", "--epochs", "10"), ["after 9 epochs", "has 10"]),
    ((*SEARCH, "--latency", "0.01ms"), ["0.01 ms cannot be met in mbconv", "the fastest", "ms"]),
    (
        ("plan", "--space", "mbconv", "--macs", "300M", "--evaluator", "zero-cost", "--proxy", "macs", "--probe"),
        ["a probe trains networks", "zero-cost trains none", "leave --probe out"],
    ),
    (("show", "resnet5"), ["resnet5", "resnet50"]),
    (("cost", "resnet50", "--input", "224"), ["3x224x224", "'224'"]),
    (("cost", "alexnet", "--input", "3x8x8"), ["stem, block 2", "3x3 window", "64x1x1"]),
    (("known", "--family", "mobilnet"), ["mobilnet", "mobilenetv1"]),
    (("known", "--sort", "size"), ["--sort", "size"]),
    (("spaces", "nowhere.yaml"), ["nowhere.yaml"]),
    (("resume", "."), ["study"]),
    (("status", "no-such-study"), ["no-such-study"]),
    (("front", "no-such-study"), ["no-such-study"]),
    (("known", "--nope"), ["--nope", "--help"]),
    (("nope",), ["nope", "--help"]),
]


@pytest.mark.parametrize(("words", "parts"), CASES, ids=[" ".join(words)[:60] for words, _ in CASES])
def test_mistake_is_one_line(nasbench, call, words, parts):
    one_line(call(*words), *parts)
    assert not list(Path(nasbench.folder).glob("runs/*"))  # and leaves nothing behind


YAMLS = [
    ("stem: [{op: conv, width: 8", ["line"]),
    ("stem: [{op: cnov, width: 8}]", ["stem, block 1", "cnov", "conv"]),
    ("stem: [{op: conv, width: 8, kernle: 3}]", ["stem, block 1", "kernle", "kernel"]),
    ("stages: [[{op: conv, width: 8}, {op: fire, squeeze: 0, expand: 8}]]", ["stage 1, block 2", "squeeze", "0"]),
    ("stages: [[{op: conv, width: 8, repeat: 1000000000}]]", ["stage 1, block 1", "repeat", "1000000000"]),
    ("name: !!python/object/apply:os.system ['touch owned']", ["tag"]),
    (BILLION, ["entries"]),
    ("input: [3, 4, 4]\nstem: [{op: conv, width: 8, kernel: 7, padding: valid}]", ["stem, block 1", "7x7", "3x4x4"]),
    ("stem: [{op: conv, width: 8}]\nstem: []", ["stem", "twice"]),
    ("- 1", ["mapping"]),
]


@pytest.mark.parametrize(("text", "parts"), YAMLS, ids=range(len(YAMLS)))
def test_bad_yaml_is_one_line(nasbench, call, text, parts):
    (nasbench.folder / "bad.yaml").write_text(text)
    one_line(call("cost", "bad.yaml"), *parts)
    assert not (nasbench.folder / "owned").exists()


def test_a_folder_is_no_yaml(nasbench, call):
    (nasbench.folder / "folder.yaml").mkdir()
    one_line(call("cost", "folder.yaml"), "folder")


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)


def test_images_of_one_class(nasbench, call):
    for i in range(6):
        picture(nasbench.folder / "images" / "cat" / f"{i}.png")
    one_line(call(*SEARCH, "--latency", "20ms", "--data", "./images"), "class")


def test_a_broken_image_is_named(nasbench, call):
    for name in ("cat", "dog"):
        for i in range(12):
            picture(nasbench.folder / "images" / name / f"{i}.png")
    (nasbench.folder / "images" / "dog" / "3.png").write_bytes(b"not a picture")
    one_line(call(*SEARCH, "--latency", "20ms", "--data", "./images"), "3.png")


def test_no_place_to_write(nasbench, call):
    (nasbench.folder / "file").write_text("")  # a file where a folder must be: the tests may run as root, who may write anywhere
    one_line(call(*SEARCH, "--latency", "20ms", "--runs", "file/runs"), "file/runs")
    one_line(call("export", "resnet18", "-o", "file/x.yaml"), "file/x.yaml")


def test_full_disk_keeps_the_old_file(nasbench):
    out = nasbench.folder / "net.yaml"
    out.write_text("old")

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    one_line(nasbench("export", "efficientnet_b0", "-o", "net.yaml", preexec_fn=full), "cannot write", "net.yaml")
    assert out.read_text() == "old"
    assert sorted(p.name for p in nasbench.folder.iterdir()) == ["net.yaml", "pictures", "quick.json"]


def test_right_input_is_no_mistake(nasbench):
    done = nasbench("cost", "resnet50")
    assert done.returncode == 0
    assert "25,557,032" in done.stdout
    assert done.stderr == ""
