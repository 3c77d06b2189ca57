"""From a trace to torch: build, initialise, load weights."""

from nasbench.network.auxiliary import AuxiliaryHead, loss_weights
from nasbench.network.behaviour import preprocess
from nasbench.network.build import build, build_trace
from nasbench.network.calibration import calibrate
from nasbench.network.initialise import initialise
from nasbench.network.numbers import unusual_numbers
from nasbench.network.reading import read_weights
from nasbench.network.weights import load_weights

__all__ = [
    "AuxiliaryHead",
    "build",
    "build_trace",
    "calibrate",
    "initialise",
    "load_weights",
    "loss_weights",
    "preprocess",
    "read_weights",
    "unusual_numbers",
]
