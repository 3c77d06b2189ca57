"""Search spaces, and choosers, which draw, change and combine their networks. Loads no torch."""

from nasbench.spaces.load import load_space, read_space, space_names
from nasbench.spaces.options import Choose, Options, ParameterValues
from nasbench.spaces.space import Space

__all__ = ["Choose", "Options", "ParameterValues", "Space", "load_space", "read_space", "space_names"]
