"""Two-sample tests: their errors under the null, their power, and which groups they name."""

from __future__ import annotations

import numpy as np
import pytest

from failscope.errors import ArgumentError
from failscope.golden.coverage.drift import compare, holm


def rejections(*, units: bool, sims: int = 400) -> float:
    """How often equal distributions are told apart at .05; sessions of four rows that are nearly one."""
    count = 0
    for seed in range(sims):
        rng = np.random.default_rng([seed, 9])
        A, B = (
            np.repeat(rng.normal(size=(n, 4)), 4, axis=0) + 0.05 * rng.normal(size=(4 * n, 4))
            for n in (12, 15)
        )
        names = ([f"a{i // 4}" for i in range(len(A))], [f"b{i // 4}" for i in range(len(B))])
        found = compare(A, B, permutations=99, units=names if units else None, random_state=seed)
        count += found.p <= 0.05
    return count / sims


def test_equal_sides_are_told_apart_as_often_as_the_level_says():
    found = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        A, B = rng.normal(size=(30, 5)), rng.normal(size=(50, 5))
        one = compare(A, B, permutations=99, random_state=seed)
        found.append((one.p <= 0.05, one.auc_p <= 0.05))
    # 600 runs: two standard errors of .05 are .018
    for rate in np.mean(found, axis=0):
        assert 0.03 <= rate <= 0.07


def test_sessions_are_shuffled_whole_so_that_alike_rows_are_not_taken_for_evidence():
    assert 0.025 <= rejections(units=True) <= 0.08
    assert rejections(units=False, sims=100) > 0.3


def test_a_shift_of_a_small_part_is_found():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(300, 6)), rng.normal(size=(300, 6))
    B[:45] += 3
    found = compare(A, B)
    assert found.p == pytest.approx(1 / 501)
    assert found.auc > 0.55
    assert found.auc_p < 0.05


def test_the_distance_is_the_one_of_a_plain_computation():
    from sklearn.metrics import pairwise_distances
    from sklearn.metrics.pairwise import rbf_kernel

    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(20, 3)), rng.normal(size=(30, 3)) + 0.5
    Z = np.concatenate([A, B])
    squared = pairwise_distances(Z)[np.triu_indices(50, 1)] ** 2
    K = rbf_kernel(Z, gamma=1 / np.median(squared))
    plain = K[:20, :20].mean() + K[20:, 20:].mean() - 2 * K[:20, 20:].mean()
    assert compare(A, B).mmd == pytest.approx(np.sqrt(plain))


def test_holm_gives_the_values_of_the_method():
    # the worked example of R's p.adjust(c(.01, .02, .03, .04, .05), "holm")
    assert holm(np.array([0.01, 0.02, 0.03, 0.04, 0.05])).tolist() == pytest.approx(
        [0.05, 0.08, 0.09, 0.09, 0.09]
    )
    assert holm(np.array([0.04, 0.001])).tolist() == pytest.approx([0.04, 0.002])
    assert holm(np.array([0.9, 0.8])).max() == 1.0


def test_the_groups_that_drive_a_difference_are_named_and_the_others_are_not():
    rng = np.random.default_rng(2)
    A, B = rng.normal(size=(200, 4)), rng.normal(size=(200, 4))
    new = np.arange(200) < 40
    B[new] += 4
    same_a, same_b = rng.random(200) < 0.3, rng.random(200) < 0.3
    none = np.zeros(200, dtype=bool)
    groups = [("topic", "vacuum", none, new), ("topic", "parcels", same_a, same_b)]
    found = compare(A, B, groups=groups)
    assert found.drives["group"].tolist() == ["vacuum"]
    assert found.groups["contribution"].sum() == pytest.approx(1)
    assert found.groups["contribution"].iloc[0] > 0.6
    assert "“vacuum” 0% -> 20%" in found.note


def test_one_session_with_many_traces_is_one_piece_of_evidence_for_a_group():
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    chatty = np.arange(60) < 20
    groups = [("topic", "chatty", np.zeros(60, dtype=bool), chatty)]
    apart = compare(A, B, groups=groups)
    together = compare(A, B, groups=groups, units=([""] * 60, ["s" if c else "" for c in chatty]))
    assert apart.groups["p_holm"].iloc[0] < 1e-4
    # one session of 101, and 41 of them are on its side
    assert together.groups["p_holm"].iloc[0] == pytest.approx(41 / 101)


def test_the_same_seed_gives_the_same_result_and_large_sides_are_sampled():
    rng = np.random.default_rng(4)
    A, B = rng.normal(size=(2_500, 2)), rng.normal(size=(300, 2))
    one, two = (compare(A, B, random_state=3, permutations=50) for _ in range(2))
    assert (one.mmd, one.p, one.auc, one.sizes) == (two.mmd, two.p, two.auc, two.sizes)
    assert one.sizes == (2_000, 300)


def test_sides_that_cannot_be_compared_are_errors():
    with pytest.raises(ArgumentError, match="1 and 5 rows"):
        compare(np.zeros((1, 2)), np.zeros((5, 2)))
    with pytest.raises(ArgumentError, match="at least 19"):
        compare(np.zeros((5, 2)), np.zeros((5, 2)), permutations=5)


def test_equal_rows_on_both_sides_are_no_difference():
    found = compare(np.ones((30, 3)), np.ones((40, 3)))
    assert found.p == 1.0
    assert found.mmd == 0.0
    assert "no difference" in found.note


@pytest.mark.parametrize("length", [1, 2, 6])
def test_a_set_drawn_from_production_is_told_apart_as_often_as_the_level_says(length):
    import pandas as pd

    import failscope as fs
    from failscope.golden.coverage.coverage import _drifts
    from failscope.golden.coverage.shares import Group

    sessions, sims, told = 90, 200, []
    n = sessions * length
    ids = [f"s{i // length}" for i in range(n)]
    traces = fs.Traces.from_frame(pd.DataFrame({"input": ["x"] * n, "output": ["y"] * n, "session_id": ids}))
    for seed in range(sims):
        rng = np.random.default_rng([seed, length])
        # traces of a session are alike, and so are their topics
        X = np.repeat(rng.normal(size=(sessions, 3)), length, axis=0) + 0.7 * rng.normal(size=(n, 3))
        E = rng.normal(size=(40, 3)) + 0.7 * rng.normal(size=(40, 3))
        none = np.zeros(0, dtype=bool)
        kind = Group("topic", "a", X[:, 0] > 0.9, none, E[:, 0] > 0.9, np.ones(n, dtype=bool))
        found, _ = _drifts([kind], X, E, np.ones(n, dtype=bool), traces, None, seed)
        assert found is not None
        assert found.sizes == (40, sessions)
        told.append((found.p <= 0.05, found.groups["p"].iloc[0] <= 0.05))
    # 200 runs: two and a half standard errors of .05 are .039; Fisher's test is below its level
    kernel, group = np.mean(told, axis=0)
    assert 0.015 <= kernel <= 0.089
    assert group <= 0.089


def test_one_session_for_all_traces_is_sampled_too():
    from failscope.golden.coverage.drift import TESTED

    rng = np.random.default_rng(5)
    A, B = rng.normal(size=(TESTED + 700, 2)), rng.normal(size=(60, 2))
    found = compare(A, B, units=(["s"] * len(A), [""] * 60), permutations=19)
    assert found.sizes == (TESTED, 60)
