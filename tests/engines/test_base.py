"""Both engines refuse impossible numbers when they are made."""

from __future__ import annotations

import pytest

from nasbench.engines.local.engine import LocalEngine
from nasbench.engines.ray.engine import RayEngine
from nasbench.errors import StudyError


@pytest.mark.parametrize("engine", [LocalEngine, RayEngine])
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"workers": 0}, "1 to 1024 workers; got 0"),
        ({"workers": 1025}, "1 to 1024 workers; got 1025"),
        ({"workers": True}, "1 to 1024 workers; got True"),
        ({"workers": 1.5}, r"1 to 1024 workers; got 1\.5"),
        ({"time_limit_s": 0}, "above 0 seconds; got 0"),
        ({"time_limit_s": float("nan")}, "above 0 seconds; got nan"),
    ],
)
def test_impossible_engines(engine, options, match):
    with pytest.raises(StudyError, match=match):
        engine(**options)
