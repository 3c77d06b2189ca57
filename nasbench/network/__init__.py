"""From a trace to torch: build, initialise, load weights."""

from nasbench.network.auxiliary import AuxiliaryHead, loss_weights
from nasbench.network.build import build, build_trace
from nasbench.network.initialise import initialise
from nasbench.network.weights import load_weights, read_weights

__all__ = ["AuxiliaryHead", "build", "build_trace", "initialise", "load_weights", "loss_weights", "read_weights"]
