"""A network as readable Python that needs torch alone."""

from nasbench.network.source.check import check_source, checked_source
from nasbench.network.source.file import module_source, name_of

__all__ = ["check_source", "checked_source", "module_source", "name_of"]
