"""Settings of every test: hypothesis never fails because a machine is busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("nasbench", deadline=None)
settings.load_profile("nasbench")
