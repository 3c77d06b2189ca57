"""Pictures. For each, one function computes the data and another one draws them; it takes an Axes and returns it."""

from nasbench._renamed import forward

__getattr__ = forward(__name__)  # until 0.1 this was the module that is now `plots.study`
