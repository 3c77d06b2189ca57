"""Pictures of studies: the data by equality, and that nothing is drawn without unit, clipped or on top of something."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from made_study import add_measurements, add_profile, add_summary, make_study, measurement, networks_of, result, row
from matplotlib.figure import Figure

import nasbench as nb
from nasbench.analysis.agreement import agreement_frame, inside_intervals, plot_agreement
from nasbench.analysis.distribution import edf, plot_edf, space_frame
from nasbench.analysis.fronts.genotypes import chosen, front_genotypes, plot_rows, rows_frame, shares_frame
from nasbench.analysis.metrics import METRICS, metric, save_picture
from nasbench.analysis.plots.gallery import PICTURES, draw
from nasbench.analysis.plots.study import front_picture, plot_front
from nasbench.analysis.progress import fronts_over_time, plot_front_over_time, plot_progress, progress_frame
from nasbench.analysis.relations import plot_relation, relation, spearman
from nasbench.errors import NasbenchError, StudyError
from nasbench.genotype import Block, adapt, digest
from nasbench.latency import Predictor
from nasbench.spaces.choosers import record_options, replay
from nasbench.zoo import known

SEARCH = [result(0.70, 10, seconds=60), result(None, 30, seconds=0), result(0.80, 12, seconds=30), result(0.75, 14, seconds=30)]
RANDOM = [result(0.60, 11, seconds=60), result(0.9, 9, status="infeasible", seconds=40), result(0.65, 9, seconds=20), None]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = make_study(tmp_path_factory.mktemp("plots") / "one", SEARCH, RANDOM)
    add_profile(path)
    add_summary(path, [row("search 2", 12.4, 0.79, 0.82, winner=True), row("random 0", 11, 0.6), row("known mobilenet_v2", 22, 0.7, 0.74)])
    return nb.open_study(path)


def texts_of(ax):
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()
    ticks = [
        label
        for i, axis in enumerate((ax.xaxis, ax.yaxis))
        for which in ("major", "minor")
        for label in axis.get_ticklabels(which=which)
        if min(axis.get_view_interval()) <= label.get_position()[i] <= max(axis.get_view_interval())
    ]
    shown = [*ax.texts, ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ticks]
    legend = ax.get_legend()
    shown += legend.get_texts() if legend else []
    return figure, [(t.get_text(), t.get_window_extent()) for t in shown if t.get_text().strip() and t.get_visible()]


def assert_readable(ax):
    """Every text is inside the figure, and no two cover each other by more than a hair."""
    figure, texts = texts_of(ax)
    for text, box in texts:
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= figure.bbox.width + 1, text
        assert box.y1 <= figure.bbox.height + 1, text
    for i, (a, box) in enumerate(texts):
        for b, other in texts[i + 1 :]:
            width = min(box.x1, other.x1) - max(box.x0, other.x0)
            height = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert width <= 1 or height <= 1, (a, b)


def new_axes(size=(8, 5.2)):
    return Figure(figsize=size, layout="constrained").subplots()


def chance(space, g):
    """Of drawing a network, with every option of each question equally likely."""
    asked = {}
    space.decode(record_options(replay(space.encode(g), lambda _, options: options[0]), asked))
    return 1 / math.prod(map(len, asked.values()))


def test_every_metric_names_its_unit():
    plain = {"year", "depth_layers"}
    assert [k for k, m in METRICS.items() if k not in plain and not m.label.endswith(")")] == []
    with pytest.raises(NasbenchError, match="latency_ms"):
        metric("latency")


class TestFront:
    def test_intervals_and_seeds(self, study):
        picture = front_picture(study.trials(), study.summary(), study.limit_ms, study.device)
        assert picture.intervals == [pytest.approx((9, 11)), pytest.approx((10.8, 13.2))]
        best = picture.finals[0]
        assert (best.low_ms, best.high_ms, best.worst, best.best) == (11.9, 13.4, 0.79, 0.82)
        assert best.accuracy == pytest.approx(0.805)

    def test_picture(self, study):
        ax = plot_front(front_picture(study.trials(), study.summary(), study.limit_ms, study.device), new_axes((9.5, 5.4)))
        assert_readable(ax)
        assert ax.get_xlim()[1] > 20  # the limit is not the edge
        labels = {t.get_text() for t in ax.get_legend().get_texts()}
        assert {"limit 20 ms", "winner (search 2), measured", "known network, measured", "search (3 trials)", "random (2 trials)"} <= labels


class TestProgress:
    def test_at_equal_cost(self, study):
        df = progress_frame(study.trials(), (20, 0))
        search = df[df["phase"] == "search"]
        assert search["cost_s"].tolist() == [60, 60, 90, 120]
        assert search["trials"].tolist() == [1, 1, 2, 3]
        assert search["best_accuracy"].tolist() == [0.70, 0.70, 0.80, 0.80]
        assert search["hypervolume_ms"].tolist() == pytest.approx([7.0, 7.0, 1.4 + 6.4, 1.4 + 6.4])
        random = df[df["phase"] == "random"]
        assert random["cost_s"].tolist() == [60, 100, 120]  # a network outside a limit costs as well; the running one does not yet
        assert random["best_accuracy"].tolist() == [0.60, 0.60, 0.65]

    def test_ends_where_the_study_stands(self, study):
        last = progress_frame(study.trials(), study.reference()).groupby("phase")["hypervolume_ms"].last()
        assert last["search"] == pytest.approx(study.hypervolume().ms)
        assert last["random"] == pytest.approx(study.hypervolume(phase="random").ms)

    def test_never_falls(self, study):
        for _, df in progress_frame(study.trials(), (20, 0)).groupby("phase"):
            assert df["hypervolume_ms"].is_monotonic_increasing
            assert df["best_accuracy"].dropna().is_monotonic_increasing

    def test_fronts_over_time(self, study):
        fronts = fronts_over_time(study.trials(), (0.5, 0.75, 1.0))
        assert fronts == {0.5: [(10.0, 0.70)], 0.75: [(10.0, 0.70), (12.0, 0.80)], 1.0: [(10.0, 0.70), (12.0, 0.80)]}

    @pytest.mark.parametrize("column", ["best_accuracy", "hypervolume_ms"])
    def test_picture(self, study, column):
        ax = plot_progress(progress_frame(study.trials(), (20, 0)), column, new_axes())
        assert_readable(ax)
        assert ax.get_xlabel() == METRICS["cost_s"].label

    def test_picture_of_nothing(self, study):
        plot_progress(progress_frame(study.trials().iloc[:0], (20, 0)), ax=new_axes())
        assert_readable(plot_front_over_time(study.trials(), (20, 0), new_axes()))


class TestRelation:
    def test_pairs_by_phase(self, study):
        pairs = relation(study.trials(), "macs")
        assert pairs.points == {"search": [(1e7, 0.70), (1.2e7, 0.80), (1.4e7, 0.75)], "random": [(1.1e7, 0.60), (9e6, 0.65)]}

    def test_spearman_is_scipys(self):
        from scipy.stats import spearmanr

        points = [(1, 3), (2, 1), (2, 2), (4, 7), (5, 7), (6, -1)]
        assert spearman(points) == pytest.approx(spearmanr(*zip(*points, strict=True)).statistic)
        assert math.isnan(spearman(points[:2]))
        assert math.isnan(spearman([(1, 1), (1, 2), (1, 3)]))

    def test_picture_prints_it(self, study):
        ax = plot_relation(relation(study.trials(), "macs"), new_axes())
        assert_readable(ax)
        assert ax.get_title("left").startswith("Spearman +0.60, n = 5")

    def test_picture_of_several_groups_in_a_narrow_place(self, study):
        frame = pd.concat([study.trials().assign(study=f"mbconv-300Mmacs-{i}") for i in range(3)])
        assert_readable(plot_relation(relation(frame, "macs", by="study"), new_axes((5, 4.6))))

    def test_unknown_column(self, study):
        with pytest.raises(NasbenchError, match="macs"):
            relation(study.trials(), "mac")


class TestAgreement:
    @pytest.fixture
    def measured(self, tmp_path):
        path = make_study(tmp_path / "one", SEARCH)
        predictor = Predictor(add_profile(path))
        networks = networks_of(path)
        ms = [predictor.predict(g).ms for g in networks]
        add_measurements(path, {digest(networks[0]): measurement(ms[0]), digest(networks[1]): measurement(3 * ms[1])})
        add_measurements(path, {digest(networks[2]): measurement(9 * ms[2], noisy=True), "gone": measurement(1)}, "finalists")
        return path, ms

    def test_every_measurement_beside_its_prediction(self, measured):
        path, ms = measured
        df = agreement_frame(nb.open_study(path))
        assert df["predicted_ms"].tolist() == pytest.approx(ms[:3])
        assert df["measured_ms"].tolist() == pytest.approx([ms[0], 3 * ms[1], 9 * ms[2]])
        assert df["where"].tolist() == ["search", "search", "finalists"]
        assert df["noisy"].tolist() == [False, False, True]
        assert (df["predicted_low_ms"] <= df["predicted_ms"]).all()
        assert inside_intervals(df) == (1, 2)  # a noisy one says nothing

    def test_picture(self, measured):
        ax = plot_agreement(agreement_frame(nb.open_study(measured[0])), 20.0, new_axes((6.6, 6.2)))
        assert_readable(ax)
        assert ax.get_title("left").startswith("1 of 2 measurements")
        assert ax.get_xlim() == ax.get_ylim()

    def test_none_yet(self, study):
        df = agreement_frame(study)
        assert df.empty
        assert inside_intervals(df) == (0, 0)


class TestRows:
    def test_stage_by_stage(self):
        df = rows_frame({"a": known("mobilenet_v3_small"), "b": known("lenet5_modern")})
        assert list(df.index)[:3] == ["input", "style", "stem"]
        assert df.index[-1] == "head"
        assert df.loc["input", "a"] == "3x224x224"
        assert df.loc["stem", "a"] == "conv 16 /2\nkernel 3, act hardswish"
        assert df.loc["stage 2", "a"].splitlines()[0] == "2 x mbconv 24 /2"
        assert "expand 4.5 11/3" in df.loc["stage 2", "a"]
        assert rows_frame({"a": known("mobilenet_v2")}).loc["stage 2", "a"] == "2 x mbconv 24 /2, kernel 3"
        missing = [r for r in df.index if r.startswith("stage") and df.loc[r, "b"] == ""]
        assert missing  # LeNet has fewer stages

    def test_a_field_left_at_its_default_is_not_called_none(self):
        rows = (Block("mbconv", {"width": 80, "stride": 2}), Block("mbconv", {"width": 80, "expand": "in*2.5"}))
        g = nb.Genotype("g", (3, 32, 32), stages=(rows, (Block("mbconv", {"width": 80, "expand": None}),)))
        df = rows_frame({"a": g})
        assert df.loc["stage 1", "a"] == "2 x mbconv 80 /2\nkernel 3, expand 6 2.5"
        assert df.loc["stage 2", "a"] == "mbconv 80\nkernel 3, no expand"

    def test_shares_are_of_the_whole(self):
        networks = {"a": known("mobilenet_v3_small"), "b": known("resnet18")}
        shares = shares_frame(networks)
        assert shares.sum().tolist() == pytest.approx([100, 100])
        assert list(shares.index) == list(rows_frame(networks).index)
        assert shares.loc["input"].tolist() == [0, 0]

    def test_both_ends_of_a_long_front(self):
        df = pd.DataFrame({"number": range(30)})
        assert chosen(df, 8)["number"].tolist() == [0, 4, 8, 12, 17, 21, 25, 29]
        assert chosen(df.iloc[:3], 8)["number"].tolist() == [0, 1, 2]

    def test_names_have_their_figures(self, study):
        networks = front_genotypes(study.front())
        assert list(networks) == ["trial 0: 10.0 ms, 70.0 %", "trial 2: 12.0 ms, 80.0 %"]
        assert [digest(g) for g in networks.values()] == list(study.front()["digest"])

    @pytest.mark.parametrize("names", [["mobilenet_v2"], ["mobilenet_v3_small", "mobilenet_v2", "mnasnet_a1", "efficientnet_b0"]])
    def test_every_cell_holds_its_words(self, names):
        """No text is wider or higher than its cell, so none runs into another."""
        ax = plot_rows({f"{n}: 1.0 ms, 50.0 %": known(n) for n in names})
        assert_readable(ax)
        figure = ax.get_figure(root=True)
        figure.draw_without_rendering()
        cells = [bar.get_window_extent() for bar in ax.patches]
        assert len(cells) == len(ax.texts)
        for cell, text in zip(cells, ax.texts, strict=True):
            box = text.get_window_extent()
            assert box.width <= cell.width, text.get_text()
            assert box.height <= cell.height, text.get_text()


class TestDistribution:
    def test_edf(self):
        df = edf(pd.DataFrame({"macs": [3.0, 1.0, None, 1.0, 2.0]}), "macs")
        assert df["macs"].tolist() == [1, 2, 3]
        assert df["share"].tolist() == [0.5, 0.75, 1.0]
        with pytest.raises(NasbenchError, match="none in 'macs'"):
            edf(pd.DataFrame({"macs": [None]}), "macs")

    def test_of_a_space_that_can_be_counted_through(self):
        """Draws come near the true distribution, in which each field is even (Kolmogorov's distance, its 0.1 % level)."""
        space = nb.space("tiny")
        true = pd.DataFrame([(nb.cost(g).macs, chance(space, g)) for g in space], columns=["macs", "chance"])
        assert true["chance"].sum() == pytest.approx(1)
        drawn = space_frame(space, 600, seed=1)
        sampled = edf(drawn, "macs")
        gaps = [
            abs(share - true.loc[true["macs"] <= macs, "chance"].sum())
            for macs, share in zip(sampled["macs"], sampled["share"], strict=True)
        ]
        assert max(gaps) < 1.95 / math.sqrt(600)
        assert drawn["macs"].equals(space_frame(space, 600, seed=1)["macs"])
        assert not drawn["macs"].equals(space_frame(space, 600, seed=2)["macs"])

    def test_predicted_and_adapted(self, study):
        predictor = study.predictor()
        df = space_frame(nb.space("tiny"), 20, 0, predictor, lambda g: adapt(g, classes=3))
        assert (df["latency_low_ms"] <= df["latency_ms"]).all()
        assert (df["latency_ms"] <= df["latency_high_ms"]).all()
        assert (df["params_count"] < space_frame(nb.space("tiny"), 20)["params_count"]).all()
        with pytest.raises(NasbenchError, match="at least one"):
            space_frame(nb.space("tiny"), 0)

    def test_picture_says_the_share_within_the_limit(self):
        frame = pd.DataFrame({"latency_ms": [5.0, 10.0, 20.0, 40.0]})
        ax = plot_edf(frame, "latency_ms", 20.0, new_axes((6.4, 4.4)))
        assert ax.get_title("left") == "75% within 20 ms"
        assert ax.get_xlabel() == "predicted latency (ms)"
        assert_readable(ax)


class TestGallery:
    @pytest.mark.parametrize("what", [w for w in PICTURES if w != "latency"])
    def test_every_picture_by_name(self, study, tmp_path, what):
        out = draw([study.path], what, tmp_path / f"{what}.png", samples=20)
        assert out.read_bytes().startswith(b"\x89PNG")

    def test_several_studies(self, study, tmp_path):
        other = make_study(tmp_path / "two", SEARCH)
        assert draw([study.path, other], "front", tmp_path / "two.svg").read_text().startswith("<?xml")
        with pytest.raises(NasbenchError, match="only the picture front"):
            draw([study.path, other], "time", tmp_path / "two.png")

    @pytest.mark.parametrize(("what", "out", "part"), [("fronts ", "a.png", "did you mean fronts"), ("front", "a.gifx", "png")])
    def test_mistakes(self, study, tmp_path, what, out, part):
        with pytest.raises(NasbenchError, match=part):
            draw([study.path], what, tmp_path / out)

    def test_nothing_to_show_yet(self, study, tmp_path):
        with pytest.raises(StudyError, match="none yet"):
            draw([make_study(tmp_path / "one")], "front", tmp_path / "a.png")
        with pytest.raises(StudyError, match="measurements"):
            draw([study.path], "latency", tmp_path / "a.png")

    def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(self, tmp_path):
        path = tmp_path / "a.png"
        path.write_text("old")

        def fail(figure):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            save_picture(path, fail)
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
