"""ONNX: a genotype written as a model, and the model compared with torch. Needs the extra `onnx`."""

from nasbench.network.onnx.check import OnnxCheck, UnclearError, check_onnx
from nasbench.network.onnx.model import INPUT, OPSET, OUTPUT, onnx_model
from nasbench.network.onnx.nodes import onnx_package

__all__ = ["INPUT", "OPSET", "OUTPUT", "OnnxCheck", "UnclearError", "check_onnx", "onnx_model", "onnx_package"]
