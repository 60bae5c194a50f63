"""Neighbours: exact where it says so, nearly so above, and the same whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failscope.errors import ArgumentError
from failscope.surface import neighbors as module
from failscope.surface.neighbors import nearest_neighbors


def rows(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(12, d))
    X = centres[rng.integers(0, 12, n)] + 0.4 * rng.normal(size=(n, d))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def by_hand(X: np.ndarray, k: int) -> np.ndarray:
    gap = ((X[:, None].astype(float) - X[None]) ** 2).sum(-1)
    np.fill_diagonal(gap, np.inf)
    return np.argsort(gap, axis=1, kind="stable")[:, :k]


def test_the_exact_search_finds_what_all_pairs_give():
    X = rows(400)
    found = nearest_neighbors(X, 10)
    assert (found.index == by_hand(X, 10)).mean() > 0.999
    gap = np.linalg.norm(X[:, None] - X[found.index], axis=2)
    np.testing.assert_allclose(found.distance, gap, atol=2e-3)
    assert (np.diff(found.distance, axis=1) >= 0).all()


def test_the_search_by_cells_finds_nearly_all_true_neighbours(monkeypatch):
    X = rows(3000)
    exact = nearest_neighbors(X, 15)
    monkeypatch.setattr(module, "EXACT_UP_TO", 1000)
    near = nearest_neighbors(X, 15)
    recall = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(exact.index, near.index, strict=True)])
    assert recall > 0.95
    assert (near.index != np.arange(len(X))[:, None]).all()
    assert (near.index >= 0).all()
    assert np.isfinite(near.distance).all()


def test_cells_smaller_than_the_neighbours_asked_for_leave_no_gap(monkeypatch):
    monkeypatch.setattr(module, "EXACT_UP_TO", 10)
    # one cell holds almost every row, the others one row each
    X = np.vstack([1e-3 * rows(80), 10 * np.eye(16, dtype=np.float32)])
    found = nearest_neighbors(X, 40)
    assert found.index.min() >= 0
    assert np.isfinite(found.distance).all()


def test_equal_rows_are_one_node():
    X = np.vstack([rows(50), np.repeat(rows(1, seed=9), 5000, axis=0)])
    found = nearest_neighbors(X, 15)
    assert len(found) == 51
    assert found.copies.tolist() == [1] * 50 + [5000]
    assert (found.node[50:] == 50).all()
    np.testing.assert_array_equal(X[found.first][found.node], X)


def test_minus_zero_is_zero():
    found = nearest_neighbors(np.array([[0.0, 1], [-0.0, 1], [1, 0]]), 1)
    assert found.copies.tolist() == [2, 1]


def test_zero_rows_are_blank_in_an_embedding_and_usual_in_behaviour():
    X = np.vstack([rows(20), np.zeros((3, 16), dtype=np.float32)])
    assert nearest_neighbors(X, 5).blank.tolist() == [False] * 20 + [True]
    assert not nearest_neighbors(X, 5, zero_is_blank=False).blank.any()


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_a_few_rows_have_as_many_neighbours_as_there_are(n):
    found = nearest_neighbors(rows(max(n, 1))[:n], 15)
    assert found.index.shape == (n, max(min(15, n - 1), 0))


def test_what_is_not_a_finite_matrix_is_refused():
    with pytest.raises(ArgumentError, match="row 1 of the matrix is not finite"):
        nearest_neighbors(np.array([[1.0, 2], [np.nan, 2]]))
    with pytest.raises(ArgumentError, match=r"shape \(3,\)"):
        nearest_neighbors(np.zeros(3))
    with pytest.raises(ArgumentError, match="neighbors=0"):
        nearest_neighbors(rows(5), 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(1, 20), st.integers(0, 10))
def test_every_row_gets_its_nearest_others(n, k, seed):
    X = rows(n, d=4, seed=seed)
    X[:: max(2, seed)] = X[0]  # some copies
    found = nearest_neighbors(X, k)
    assert found.copies.sum() == n
    own = np.arange(len(found))[:, None]
    assert (found.index != own).all()
    for neighbours in found.index:
        assert len(set(neighbours)) == len(neighbours)
