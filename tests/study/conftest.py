from __future__ import annotations

import pytest
from toy_search import open_phase, run


@pytest.fixture
def closed_study(tmp_path):
    """The path of a closed study of five trials."""
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        run(phase, 5)
    return tmp_path / "study"
