"""The peers' orders of reading: what a walk promises, and that a seed gives the same groups again."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import peers

IDS = [f"t{i:03d}" for i in range(200)]
LABELS = np.repeat([0, 1, 2, -1], [100, 60, 15, 25])


def test_a_round_takes_one_of_every_cluster_the_largest_first_and_noise_last():
    order = peers.round_robin(LABELS, IDS, 0)
    of = dict(zip(IDS, LABELS, strict=True))
    assert sorted(order) == IDS
    assert [of[i] for i in order[:6]] == [0, 1, 2, 0, 1, 2]
    assert all(of[i] == -1 for i in order[-25:])


def test_orders_depend_on_the_seed_and_not_on_the_order_of_the_rows():
    mixed = np.random.default_rng(0).permutation(len(IDS))
    for walk in (peers.round_robin, peers.phoenix_sample):
        order = walk(LABELS, IDS, 3)
        assert walk(LABELS[mixed], [IDS[k] for k in mixed], 3) == order
        assert walk(LABELS, IDS, 4) != order


def test_phoenix_reads_clusters_with_many_flags_first_then_small_ones_then_noise():
    flagged = (LABELS == 1) & (np.arange(200) % 2 == 0)
    order = peers.phoenix_sample(LABELS, IDS, 0, flagged=flagged)
    of = dict(zip(IDS, LABELS, strict=True))
    assert sorted(order) == IDS
    assert [of[i] for i in order[:85]] == [1] * 50 + [2] * 15 + [-1] * 20
    assert [of[i] for i in peers.phoenix_sample(LABELS, IDS, 0)[:35]] == [2] * 15 + [-1] * 20


def test_umap_is_the_same_twice_where_its_graph_falls_into_pieces():
    umap = pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    vectors = np.vstack([rng.normal(centre, 0.1, (60, 8)) for centre in (0, 5, 10)]).astype(np.float32)
    first, second = (peers._projected(umap.UMAP(n_components=4), vectors, 1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
