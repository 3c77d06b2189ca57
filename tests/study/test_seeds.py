from __future__ import annotations

from nasbench.study.seeds import derive


def test_a_seed_depends_on_every_part_and_on_nothing_else():
    assert derive(7, "search", 12, "draw") == 759018829  # of a stored study: another value would change every search
    seeds = [derive(seed, phase, number) for seed in range(3) for phase in ("search", "random") for number in range(100)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive(1, 23) != derive(12, 3), "parts are not simply joined"
