"""What holds for every runtime that runs here."""

from __future__ import annotations

import pytest
import torch

from nasbench.genotype import trace
from nasbench.latency.device import local_device
from nasbench.latency.measuring.network_process import load
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.runtimes import RUNTIMES


@pytest.mark.parametrize("runtime", ["eager", "onnxruntime"])
def test_a_loaded_network_runs_whole_and_layer_by_layer(runtime: str) -> None:
    loaded = load(REFERENCE, local_device(1, runtime=runtime))
    loaded.run()
    recorder = loaded.record()
    for _ in range(3):
        recorder.run()
    passes = recorder.finish()
    assert [len(times) for times in passes] == [len(trace(REFERENCE))] * 3
    assert all(times[0] == 0 and min(times) >= 0 and sum(times) > 0 for times in passes)
    assert load(REFERENCE, local_device(1, runtime=runtime)).record().finish() == []  # one list a run: none


@pytest.mark.parametrize("runtime", [name for name, r in RUNTIMES.items() if "cuda" in r.kinds])
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is visible to torch")
def test_a_gpu_runs_it(runtime: str) -> None:
    loaded = load(REFERENCE, local_device(runtime=runtime, kind="cuda"))
    loaded.run()
    assert torch.cuda.current_stream().query()  # it is finished
    assert (loaded.record is not None) == RUNTIMES[runtime].layers
    if loaded.record:
        recorder = loaded.record()
        recorder.run()
        (times,) = recorder.finish()
        assert min(times[1:]) > 0
