"""`model.py`: the same weights and logits as the network, without nasbench; and it reads like written by hand."""

from __future__ import annotations

import ast
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from genotype_strategies import networks
from hypothesis import given

import nasbench as nb
from nasbench.errors import NasbenchError
from nasbench.genotype.block import BLOCK_TYPES
from nasbench.network.initialise import settle
from nasbench.network.source import check_source, checked_source, module_source, name_of

QUICK = [
    "lenet5", "googlenet", "resnet18", "squeezenet1_1", "mobilenet_v1", "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet1_0",
    "efficientnet_b0", "resnet20_cifar10",
]  # fmt: skip
LARGE = [
    "alexnet", "vgg11_bn", "resnet50", "resnext50_32x4d", "densenet121", "mobilenet_v2", "efficientnet_v2_s", "inception_v3",
    "mobilenet_v3_large", "nasnet_a_mobile",
]  # fmt: skip


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_a_known_network_has_the_same_logits(name):
    g = nb.known(name)
    channels, side, _ = g.input
    checked_source(nb.adapt(g, classes=7, input=(channels, min(side, 128), min(side, 128))))


@given(networks())
def test_any_network_has_the_same_logits(g):
    checked_source(g)


def test_it_needs_torch_alone(tmp_path: Path):
    """In a process that cannot import nasbench, and nothing of torchvision; the names of the weights are the same."""
    g = nb.known("efficientnet_b0")
    (tmp_path / "model.py").write_text(module_source(g))
    net = nb.build(g).eval()
    image = torch.randn(2, 3, 64, 64)
    settle(net, torch.randn(4, 3, 64, 64))
    torch.save({"weights": net.state_dict(), "image": image}, tmp_path / "given.pt")
    program = (
        "import sys\n"
        "sys.modules['nasbench'] = sys.modules['torchvision'] = None\n"
        "import torch, model\n"
        "torch.set_num_threads(1)\n"
        "given = torch.load('given.pt')\n"
        "net = model.EfficientnetB0().eval()\n"
        "net.load_state_dict(given['weights'])\n"
        "with torch.no_grad(): torch.save(net(given['image']), 'logits.pt')\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, env={"PATH": "", "PYTHONPATH": str(tmp_path)})
    with torch.no_grad():
        assert torch.equal(torch.load(tmp_path / "logits.pt"), net(image))


def loaded(text: str, name: str) -> torch.nn.Module:
    module = types.ModuleType("model")
    exec(compile(text, "model.py", "exec"), module.__dict__)
    return getattr(module, name)()


@pytest.mark.parametrize("name", ["googlenet", "efficientnet_b0"])
def test_training_mode_is_the_same(name):
    """Auxiliary heads answer in training only, and branches are left out with the same probability."""
    g = nb.adapt(nb.known(name), classes=4)
    net, own = nb.build(g), loaded(module_source(g), name_of(g))
    own.load_state_dict(net.state_dict())
    for module in [*net.modules(), *own.modules()]:
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    image = torch.randn(2, 3, 224, 224)
    outputs = []
    for each in (net.train(), own.train()):
        torch.manual_seed(3)
        outputs.append(each(image))
    expected, found = ([out] if isinstance(out, torch.Tensor) else out for out in outputs)
    assert len(expected) == len(found)
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "resnet20_cifar10"])
def test_torch_can_export_it(name):
    g = nb.adapt(nb.known(name), classes=5)
    own = loaded(module_source(g), name_of(g)).eval()
    image = torch.randn(1, *g.input)
    program = torch.export.export(own, (image,))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(image), own(image))


@pytest.mark.slow
def test_torch_can_compile_it():
    g = nb.adapt(nb.known("mobilenet_v3_small"), classes=5)
    own = loaded(module_source(g), name_of(g)).eval()
    image = torch.randn(1, *g.input)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(own, fullgraph=True)(image), own(image), rtol=1e-4, atol=1e-5)


def test_it_reads_like_written_by_hand():
    """Equal parts are one class; a chain is nn.Sequential; what differs are arguments with names."""
    text = module_source("resnet50")
    assert text.count("class ") < 10
    assert "nn.Sequential(Residual(64, 256), Residual2(256), Residual2(256))" in text
    assert "return self.head(self.stages(self.stem(x)))" in text
    assert "padding=kernel_size // 2" in text
    assert "return F.relu(self.norm(self.conv(x)), inplace=True)" in text
    assert "getattr" not in text
    assert max(map(len, text.splitlines())) <= 100
    for name in ("lenet5", "shufflenet_v2_x1_0", "densenet121"):
        for node in ast.walk(ast.parse(module_source(name))):
            if isinstance(node, ast.FunctionDef):
                assert len(node.args.args) <= 9, f"{name}: {node.args.args}"


@pytest.mark.parametrize("name", ['a "quoted" \\ name', '"""', "None", "f", "1x", "péage", "-"])
def test_any_name_of_a_network(name):
    g = replace(nb.known("lenet5"), name=name)
    text = module_source(g)
    assert ast.get_docstring(ast.parse(text)).startswith(name)
    loaded(text, name_of(g))


def test_a_text_that_is_another_network_is_refused():
    """The controls of the check: another weight's name, another computation."""
    g = nb.adapt(nb.known("resnet20_cifar10"), classes=3)
    net = nb.build(g).eval()
    text = module_source(g)
    assert check_source(text, name_of(g), net, g) <= 1e-6
    with pytest.raises(NasbenchError, match=r"model.py has the weights of .*report"):
        check_source(text.replace("self.norm", "self.bn"), name_of(g), net, g)
    assert "F.relu(" in text
    with pytest.raises(NasbenchError, match="its logits differ by"):
        check_source(text.replace("F.relu(", "F.silu("), name_of(g), net, g)


def test_a_module_of_another_package_is_refused(monkeypatch):
    """What a plugin needs beside torch cannot be written."""

    class Scaled(torch.nn.ReLU):
        pass

    net = nb.build("lenet5", device="meta")
    node = next(node for node in net.graph.nodes if node.op == "call_module")
    monkeypatch.setattr("nasbench.network.source.file.build", lambda *_, **__: net)
    net.set_submodule(str(node.target), Scaled())
    with pytest.raises(NasbenchError, match=r"stem\.0\.conv is a .*Scaled; use export --onnx instead"):
        module_source("lenet5")


def test_the_words_of_all_block_types_have_names():
    from nasbench.network.source.names import class_name

    for op in BLOCK_TYPES:
        assert class_name(op).isidentifier()
