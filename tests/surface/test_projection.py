"""The map: finite, the same every time, near what is near."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from failscope.errors import ArgumentError
from failscope.surface.neighbors import nearest_neighbors
from failscope.surface.projection import PROJECTORS, project

ROOT = Path(__file__).resolve().parents[2]


def blobs(n: int = 300, groups: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    which = rng.integers(0, groups, n)
    X = 4 * np.eye(groups, 10)[which] + 0.3 * rng.normal(size=(n, 10))
    return X.astype(np.float32), which


@pytest.mark.parametrize("projector", ["pacmap", "pca"])
def test_groups_that_are_apart_are_apart_on_the_map(projector):
    X, which = blobs()
    xy = project(X, nearest_neighbors(X), projector=projector)
    centres = np.array([xy[which == g].mean(axis=0) for g in range(3)])
    inside = max(np.linalg.norm(xy[which == g] - centres[g], axis=1).mean() for g in range(3))
    between = min(np.linalg.norm(centres[i] - centres[j]) for i in range(3) for j in range(i))
    assert between > 2 * inside
    assert xy.dtype == np.float32
    assert np.abs(xy).max() < 1.1


@pytest.mark.parametrize("projector", ["pacmap", "pca"])
def test_the_same_seed_gives_the_same_bits(projector):
    X, _ = blobs()
    near = nearest_neighbors(X)
    first = project(X, near, projector=projector, random_state=3)
    np.testing.assert_array_equal(first, project(X, near, projector=projector, random_state=3))


def test_the_same_seed_gives_the_same_bits_on_one_thread_and_on_two():
    code = (
        "import numpy as np, hashlib\n"
        "from failscope.surface.neighbors import nearest_neighbors\n"
        "from failscope.surface.projection import project\n"
        "X = np.random.default_rng(0).normal(size=(2500, 64)).astype('f')\n"
        "near = nearest_neighbors(X)\n"
        "xy = project(X, near)\n"
        "print(hashlib.sha256(near.index.tobytes() + xy.tobytes()).hexdigest())\n"
    )
    seen = set()
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        env = {**os.environ, **dict.fromkeys(names, threads), "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        seen.add(run.stdout.strip())
    assert len(seen) == 1


@pytest.mark.parametrize("n", [1, 2, 5, 39, 40, 45])
@pytest.mark.parametrize("projector", ["pacmap", "pca"])
def test_a_few_rows_have_a_place(n, projector):
    X, _ = blobs(n)
    xy = project(X, nearest_neighbors(X), projector=projector)
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


def test_one_neighbour_is_enough_for_a_map():
    X, _ = blobs(80)
    assert np.isfinite(project(X, nearest_neighbors(X, 1))).all()


def test_copies_are_spread_around_one_place():
    X, _ = blobs(60)
    X = np.vstack([X, np.repeat(X[:1], 500, axis=0)])
    xy = project(X, nearest_neighbors(X))
    copies = np.vstack([xy[:1], xy[60:]])
    assert len(np.unique(copies, axis=0)) == 501
    assert np.linalg.norm(copies - copies.mean(axis=0), axis=1).max() < 0.1


def test_rows_that_are_all_equal_have_finite_places():
    X = np.ones((200, 8), dtype=np.float32)
    xy = project(X, nearest_neighbors(X))
    assert np.isfinite(xy).all()


def test_no_projector_gives_no_map():
    X, _ = blobs(30)
    assert not project(X, nearest_neighbors(X), projector=None).any()


def test_an_unknown_projector_is_refused_with_the_known_ones():
    X, _ = blobs(30)
    with pytest.raises(ArgumentError, match="projector='tsne'") as caught:
        project(X, nearest_neighbors(X), projector="tsne")
    assert all(name in str(caught.value) for name in PROJECTORS)
