"""Say it: the command line. One file per group of commands; each imports what it needs when it is called."""

from nasbench.cli.main import main

__all__ = ["main"]
