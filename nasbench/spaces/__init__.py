"""Where to look: spaces and choosers. No torch."""

from nasbench.spaces.load import load_space, read_space, space_names
from nasbench.spaces.options import Choose, Decisions, Options
from nasbench.spaces.space import Space

__all__ = ["Choose", "Decisions", "Options", "Space", "load_space", "read_space", "space_names"]
