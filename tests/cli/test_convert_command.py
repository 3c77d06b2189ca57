"""`convert`: a table of NAS-Bench-201 from a file, and mistakes on one line."""

from __future__ import annotations

import json
import pickle

from messages import one_line

from nasbench.evaluate.table import read_table

ROW = {"train_time": [900.0, 900.0], "val_acc": [82.0, 82.5], "latency": [0.01, 0.01], "model_size": [0.129306, 0.129306]}


def test_a_file_becomes_a_table(call, nasbench) -> None:
    mixed = ROW | {"model_size": [0.129306, 0.157306]}
    (nasbench.folder / "cifar10.pkl").write_bytes(pickle.dumps({"421211": ROW, "122124": mixed}))
    printed = call("convert", "cifar10.pkl").stdout
    assert "the trainings of 1 cells belong to networks of different sizes and were left out" in printed
    assert "nasbench bench --table nas-bench-201_cifar10.json --space nasbench201" in printed
    table = read_table(str(nasbench.folder / "nas-bench-201_cifar10.json"))
    assert dict(table.networks["421211"]) == {"val_acc": [82.0, 82.5], "seconds": 900.0, "params": 129306}
    said = json.loads(call("convert", "cifar10.pkl", "-o", "mine.json", "--json").stdout)
    assert said == {"table": "mine.json", "cells": len(table.networks), "dropped": ["122124"], "restored": []}


def test_mistakes_are_one_line(call, nasbench) -> None:
    one_line(call("convert", "none.pkl"), "none.pkl: No such file")
    (nasbench.folder / "bad.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    one_line(call("convert", "bad.pkl"), "bad.pkl asks for os.system; nothing of it was run")
