"""A driver that a test kills: `doomed.py JOB FILE`. It has no `if __name__ == "__main__"`, and its processes must not need one."""

import sys
from pathlib import Path

import jobs

from nasbench.engines.local.engine import LocalEngine

with LocalEngine(2) as engine:
    engine.submit("first", getattr(jobs, sys.argv[1]), Path(sys.argv[2]))
    engine.wait()
