"""Readers of files from outside: whatever a file holds, it is read or refused with a message. No traceback, no hang, nothing is written."""

from __future__ import annotations

import json
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hostile import anything, as_json, check_reader, damaged_bytes, damaged_data
from hypothesis import HealthCheck, given, settings

from nasbench.evaluate.table import read_table
from nasbench.files import checksum
from nasbench.genotype import BLOCK_TYPES, Genotype, cost
from nasbench.latency import Predictor, load_card, load_profile
from nasbench.latency.card import Card
from nasbench.spaces import load_space
from nasbench.spaces.choosers import random_chooser
from nasbench.zoo import known

ROOT = Path(__file__).parent.parent
FEW, MANY = 20, 2000  # inputs of each reader and each kind, of the quick tests and of the slow ones
COUNTS = [FEW, pytest.param(MANY, marks=pytest.mark.slow)]


def use_genotype(file: Path) -> None:
    g = Genotype.from_yaml(file)
    assert Genotype.from_yaml(g.to_yaml()) == g
    if sum(block.repeat for block in g.blocks) < 200:
        cost(g)


def use_space(file: Path) -> None:
    space = load_space(file)
    assert space.count() >= 1
    space.describe()
    for seed in range(3):
        g = space.decode(random_chooser(random.Random(seed)))
        assert g in space


def use_profile(file: Path) -> None:
    profile = load_profile(file)
    repr((profile.device.key, str(profile.device), profile.range_ms, profile.made))
    p = Predictor(profile).predict(known("lenet5"))
    assert p.low_ms <= p.ms <= p.high_ms


def use_card(file: Path) -> None:
    card = load_card(file)
    repr((card.met, card.sure, card.name, str(card.device), card.measured and f"{card.measured.median_ms:.2f} {card.measured.n}"))
    again = Card.from_json(json.loads(json.dumps(card.to_json())))
    assert again == card


def use_table(file: Path) -> None:
    table = read_table(str(file))
    table.seconds()
    row = next(iter(table.networks.values()))
    values = row[table.metric] if isinstance(row[table.metric], list) else [row[table.metric]]
    assert all(0 <= value / table.scale <= 1 for value in values)


def signed(data: Any) -> Any:
    """The data with its checksum made again, as one who changes a file on purpose would do."""
    if isinstance(data, dict) and "sha256" in data:
        try:
            return {**data, "sha256": checksum({k: v for k, v in data.items() if k not in ("format", "version", "sha256")})}
        except TypeError:
            return data
    return data


def small_profile() -> dict[str, Any]:
    """A real profile with a few of its networks, so that a change meets each part of it."""
    data = json.loads((ROOT / "studies" / "data" / "mbconv-20ms" / "profile.json").read_text())
    networks = sorted(data["networks"], key=lambda network: len(network["kernels"]))[:12]
    return signed({**data, "networks": networks})


class Reader(NamedTuple):
    """A reader, the ending of its files, real data, and words of its language."""

    use: Callable[[Path], None]
    ending: str
    examples: tuple[Any, ...]
    words: tuple[str, ...]


TABLE = {
    "space": "tiny", "classes": 10, "metric": "acc", "key": "options",
    "networks": {"0001": {"acc": [89.5, 88.9], "params": 100, "seconds": 8.5}, "0002": {"acc": [70.1, 71.0], "params": 90, "seconds": 7.0}},
}  # fmt: skip
READERS = {
    "genotype": Reader(
        use_genotype,
        "yaml",
        tuple(yaml.safe_load(known(name).to_yaml()) for name in ("mobilenet_v3_small", "resnet18", "squeezenet1_0", "googlenet")),
        ("name", "input", "style", "stem", "stages", "head", "op", "width", "kernel", "repeat", *BLOCK_TYPES),
    ),
    "space": Reader(
        use_space,
        "yaml",
        tuple(yaml.safe_load((ROOT / "search_spaces" / f"{name}.yaml").read_text()) for name in ("mbconv", "tiny", "macro")),
        ("resolution", "stem", "stages", "head", "bounds", "defaults", "op", "width", "range", "any_of", "vary", "tie", "repeat", "conv"),
    ),
    "profile": Reader(
        use_profile,
        "json",
        (small_profile(),),
        ("format", "version", "sha256", "networks", "signatures", "kernels", "device", "anchor", "base"),
    ),
    "card": Reader(
        use_card,
        "json",
        tuple(json.loads(path.read_text()) for path in sorted((ROOT / "studies" / "data").glob("*/best/card.json"))),
        ("format", "version", "sha256", "genotype", "device", "measured", "predicted", "target_ms"),
    ),
    "table": Reader(use_table, "json", (TABLE, TABLE["networks"]), ("networks", "metric", "acc", "key", "classes", "seconds", "0001")),
}
EACH = pytest.mark.parametrize("name", READERS)


@EACH
def test_the_examples_are_read(name: str, tmp_path: Path) -> None:
    """A control: a reader that refused everything would pass the other tests."""
    for i, example in enumerate(READERS[name].examples):
        file = tmp_path / f"{i}.{READERS[name].ending}"
        file.write_bytes(as_json(example))
        READERS[name].use(file)


@EACH
@pytest.mark.parametrize("count", COUNTS)
def test_damaged_bytes(name: str, count: int, tmp_path: Path) -> None:
    reader, draw = READERS[name], random.Random(1)
    for i in range(count):
        example = reader.examples[i % len(reader.examples)]
        text = as_json(example) if draw.random() < 0.5 or reader.ending == "json" else yaml.safe_dump(example).encode()
        check_reader(reader.use, tmp_path / f"file.{reader.ending}", damaged_bytes(text, draw))


@EACH
@pytest.mark.parametrize("count", COUNTS)
def test_damaged_parts(name: str, count: int, tmp_path: Path) -> None:
    reader, draw = READERS[name], random.Random(2)
    for i in range(count):
        data = damaged_data(reader.examples[i % len(reader.examples)], draw)
        check_reader(reader.use, tmp_path / f"file.{reader.ending}", as_json(signed(data)))


def _anything(name: str, count: int, folder: Path) -> None:
    reader = READERS[name]

    @settings(max_examples=count, suppress_health_check=list(HealthCheck))
    @given(anything(reader.words))
    def check(data: Any) -> None:
        check_reader(reader.use, folder / f"file.{reader.ending}", as_json(signed(data)))

    check()


@EACH
@pytest.mark.parametrize("count", COUNTS)
def test_anything(name: str, count: int, tmp_path: Path) -> None:
    _anything(name, count, tmp_path)


@EACH
@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe\x00", b"\x00" * 100, b"null", b"[" * 100_000, b"9" * 10_000, b"{" * 1000, b'"\\ud800"', b"\xef\xbb\xbf{}"]
)
def test_texts_that_are_none(name: str, text: bytes, tmp_path: Path) -> None:
    check_reader(READERS[name].use, tmp_path / f"file.{READERS[name].ending}", text)


@EACH
def test_what_is_no_file(name: str, tmp_path: Path) -> None:
    """A pipe that nobody writes would be waited for, and a device may never end."""
    reader, before = READERS[name], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe, folder, device, loop = (tmp_path / f"{word}.{reader.ending}" for word in ("pipe", "folder", "device", "loop"))
    os.mkfifo(pipe)
    folder.mkdir()
    device.symlink_to("/dev/zero")
    loop.symlink_to(loop)
    for path in (pipe, folder, device, loop, tmp_path / f"none.{reader.ending}", tmp_path / f"{'x' * 5000}.{reader.ending}"):
        with pytest.raises(ValueError, match=r".") as caught:
            reader.use(path)
        assert type(caught.value).__module__ == "nasbench.errors", caught.value
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4_000_000, "/dev/zero was read"
