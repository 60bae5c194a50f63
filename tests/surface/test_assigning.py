"""Traces beyond the fitted sample: where they would have been, the same in any order, nested, with a confidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import failscope as fs
from failscope.errors import ArgumentError
from failscope.surface import assigning
from failscope.surface.assigning import sample_of
from failscope.surface.clustering import Clustering
from failscope.surface.views import View
from failscope.traces.table import Traces

REFUSAL = fs.Probe("refusal", lambda frame: frame, says="refuses", kind="flag", hint=True)


def view_of(X: np.ndarray, *, ids: np.ndarray | None = None) -> tuple[Traces, View]:
    """Traces of any kind with this matrix as their view."""
    ids = np.array([f"t{i:05d}" for i in range(len(X))], dtype=object) if ids is None else ids
    frame = pd.DataFrame({"trace_id": ids, "input": "a question", "output": [f"answer {i}" for i in ids]})
    traces = Traces.from_frame(frame)
    behaviours = pd.DataFrame({"refusal": (X[:, 0] > 0.5).astype(np.float32)}, index=traces.frame.index)
    return traces, View("response", traces.trace_ids, X.astype(np.float32), None, behaviours)


def found_in(X: np.ndarray, *, ids: np.ndarray | None = None, **options) -> Clustering:
    traces, seen = view_of(X, ids=ids)
    return fs.cluster(
        traces,
        seen,
        **{"projector": "pca", "probes": [REFUSAL], "progress": False, "resolution": 0.5, **options},
    )


def blobs(n: int, groups: int, *, spread: float = 0.15, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    which = rng.integers(0, groups, n)
    X = np.eye(groups, max(groups, 12))[which] + spread * rng.normal(size=(n, max(groups, 12)))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), which


def assigned(part: Clustering) -> np.ndarray:
    return ~sample_of(part.trace_ids, part.params["fit_on"])


@pytest.fixture(scope="module")
def parted() -> tuple[np.ndarray, Clustering]:
    X, which = blobs(3000, 8)
    X[2000:2050] = X[0]  # copies, some of them fitted and some not
    which[2000:2050] = which[0]
    return which, found_in(X, fit_on=600)


def test_assigned_traces_are_where_a_full_clustering_has_them(parted):
    which, part = parted
    full = found_in(blobs(3000, 8)[0])
    rest = assigned(part)
    assert rest.sum() > 2000
    assert adjusted_rand_score(which[rest], part.labels[rest]) > 0.95
    untouched = rest & ~np.isin(np.arange(3000), np.arange(2000, 2050))
    assert adjusted_rand_score(full.labels[untouched], part.labels[untouched]) > 0.95


def test_the_fitted_ones_keep_what_was_found_in_them():
    X, _ = blobs(1500, 6, spread=0.3)
    ids = np.array([f"t{i:05d}" for i in range(len(X))], dtype=object)
    chosen = sample_of(ids, 500)
    alone = found_in(X[chosen], ids=ids[chosen])
    part = found_in(X, fit_on=500)
    assert adjusted_rand_score(alone.labels, part.labels[chosen]) == 1
    np.testing.assert_array_equal(alone.xy, part.xy[chosen])
    assert (part.confidence[chosen] == 1).all()
    assert set(np.flatnonzero(part.exemplar >= 0)) <= set(np.flatnonzero(chosen))


def test_the_order_of_the_rows_changes_nothing():
    X, _ = blobs(1200, 6, spread=0.3)
    ids = np.array([f"t{i:05d}" for i in range(len(X))], dtype=object)
    mixed = np.random.default_rng(3).permutation(len(X))
    one, other = found_in(X, fit_on=300), found_in(X[mixed], ids=ids[mixed], fit_on=300)
    a, b = one.to_frame(), other.to_frame()
    pd.testing.assert_frame_equal(a, b.loc[a.index])
    assert one.id == other.id


def test_layers_nest_over_fitted_and_assigned_alike():
    X = np.random.default_rng(1).normal(size=(2500, 8)).astype(np.float32)
    part = found_in(X, fit_on=900, resolution=None)
    assert len(part.layers) >= 3
    for coarse, fine in zip(part.layers, part.layers[1:], strict=False):
        assert pd.DataFrame({"coarse": coarse, "fine": fine}).groupby("fine")["coarse"].nunique().max() == 1
    np.testing.assert_array_equal(part.labels, part.layers[part.params["layer"]])
    assert (np.diff(np.bincount(part.labels)) <= 0).all()
    assert set(part.stability) == set(range(part.labels.max() + 1))


def test_equal_traces_are_together_with_one_confidence(parted):
    _, part = parted
    copies = np.r_[0, 2000:2050]
    assert len(set(part.labels[copies])) == 1
    assert len(set(part.confidence[copies])) == 1
    assert len(np.unique(part.xy[copies], axis=0)) == len(copies)  # and can be picked one by one


def test_a_trace_between_two_groups_is_assigned_with_less_confidence():
    rng = np.random.default_rng(0)
    place = rng.random(2000)
    X = (np.outer(1 - place, np.eye(6)[0]) + np.outer(place, np.eye(6)[1])).astype(np.float32)
    X += 0.05 * rng.normal(size=X.shape).astype(np.float32)
    sides = type(
        "Sides", (), {"fit_predict": lambda self, matrix: (matrix[:, 1] > matrix[:, 0]).astype(int)}
    )()
    part = found_in(X, fit_on=500, clusterer=sides, resolution=None)
    rest = assigned(part)
    between, clear = rest & (np.abs(place - 0.5) < 0.03), rest & (np.abs(place - 0.5) > 0.3)
    assert part.confidence[between].mean() < 0.85 < 0.99 < part.confidence[clear].mean()
    assert part.edge[between].mean() > part.edge[clear].mean()
    assert ((part.confidence > 0) & (part.confidence <= 1)).all()


def test_a_vote_is_worth_what_it_says():
    # two groups that run into each other: the share of the vote is how often it is right
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-1, 1, (4000, 2)), rng.normal(1, 1, (4000, 2))]).astype(np.float32)
    side = (X.sum(axis=1) > 0).astype(int)
    traces, seen = view_of(X)
    noisy = np.where(rng.random(8000) < 0.1, 1 - side, side)

    class Told:
        def fit_predict(self, matrix: np.ndarray) -> np.ndarray:
            known = {row.tobytes(): int(label) for row, label in zip(X, noisy, strict=True)}
            return np.array([known[row.tobytes()] for row in matrix])

    part = fs.cluster(
        traces, seen, clusterer=Told(), projector=None, fit_on=4000, probes=[REFUSAL], progress=False
    )
    rest = assigned(part)
    names = pd.crosstab(part.labels[~rest], noisy[~rest]).idxmax(axis=1)
    right = pd.Series(part.labels[rest]).map(names).to_numpy() == noisy[rest]
    assert abs(right.mean() - part.confidence[rest].mean()) < 0.05


def test_memory_does_not_hang_on_how_much_is_read_at_once(monkeypatch):
    X, _ = blobs(1500, 6, spread=0.3)
    whole = found_in(X, fit_on=300)
    monkeypatch.setattr(assigning, "AT_ONCE", 128)
    parts = found_in(X, fit_on=300)
    np.testing.assert_array_equal(whole.labels, parts.labels)
    np.testing.assert_allclose(whole.confidence, parts.confidence, atol=1e-4)


def test_the_inverted_file_finds_nearly_all_true_neighbours(monkeypatch):
    X, _ = blobs(4000, 20, spread=0.3)
    queries, _ = blobs(500, 20, spread=0.3, seed=1)
    exact, _ = assigning._Cells(X).search(queries, 10)
    monkeypatch.setattr(assigning, "EXACT_UP_TO", 0)
    near, _ = assigning._Cells(X).search(queries, 10)
    found = [len(set(a) & set(b)) / 10 for a, b in zip(exact.tolist(), near.tolist(), strict=True)]
    assert np.mean(found) > 0.9
    truth = np.argsort(np.linalg.norm(X - queries[0], axis=1), kind="stable")[:10]
    assert set(exact[0].tolist()) == set(truth.tolist())


def test_a_restored_clustering_keeps_its_confidence(parted):
    _, part = parted
    back = Clustering.restore(part.traces, part.to_frame(), part.meta())
    np.testing.assert_array_equal(back.confidence, part.confidence)
    assert back.params["fit_on"] == 600
    assert "600 fitted, 2,400 assigned" in repr(back)


def test_empty_texts_stay_with_empty_texts():
    X, _ = blobs(1000, 4)
    X[::5] = 0
    part = found_in(X, fit_on=300)
    assert len(set(part.labels[::5])) == 1
    assert not set(part.labels[::5]) & set(part.labels[1::5])


def test_noise_is_voted_for_like_a_cluster():
    class Half:
        def fit_predict(self, matrix: np.ndarray) -> np.ndarray:
            return np.where(matrix[:, 0] > 0.5, 0, -1)

    X, which = blobs(900, 3, spread=0.05)
    part = found_in(X, fit_on=300, clusterer=Half(), resolution=None)
    assert (part.labels[which == 0] == 0).all()
    assert (part.labels[which != 0] == -1).all()


def test_below_the_limit_everything_is_fitted():
    X, _ = blobs(300, 3)
    found = found_in(X)
    assert (found.confidence == 1).all()
    assert "assigned" not in repr(found)


def test_a_sample_is_uniform_and_hangs_on_ids_and_seed_alone():
    ids = np.array([f"t{i}" for i in range(5000)])
    chosen = sample_of(ids, 1000)
    assert chosen.sum() == 1000
    # a thousand of five thousand, in every fifth of the ids about two hundred
    assert np.abs(chosen.reshape(5, -1).sum(axis=1) - 200).max() < 60
    mixed = np.random.default_rng(0).permutation(5000)
    np.testing.assert_array_equal(sample_of(ids[mixed], 1000), chosen[mixed])
    assert (sample_of(ids, 1000, random_state=1) != chosen).any()
    more = sample_of(np.array([f"t{i}" for i in range(5050)]), 1000)
    assert (more[:5000] != chosen).sum() < 50
    assert sample_of(ids[:10], 1000).all()


def test_a_sample_of_nothing_says_so():
    with pytest.raises(ArgumentError, match="fit_on=0 is too small; give at least 1"):
        found_in(blobs(50, 2)[0], fit_on=0)
    with pytest.raises(ArgumentError, match="a sample of 0 traces"):
        sample_of(["a"], 0)
