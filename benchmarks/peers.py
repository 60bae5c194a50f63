"""What a user would otherwise pick: the default steps of other tools on given vectors, and how their groups are read.

Every tool gets the same vectors, so that the steps are compared and not the embedding models. Where a package can be
installed, its own objects run; otherwise its steps do, with the parameters of the cited source. The tools that set no
seed get the one that is asked for. They need the extra: ``pip install -c constraints.txt -e '.[bench]'``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import pandas as pd


def bertopic(vectors: np.ndarray, seed: int) -> np.ndarray:
    """BERTopic 0.17.4, ``BERTopic()`` (bertopic/_bertopic.py, lines 268 and 284): its own UMAP and HDBSCAN objects.

    UMAP to 5 dimensions, 15 neighbours, cosine, min_dist 0; HDBSCAN of at least 10, excess of mass. It sets no seed.
    Its names of topics come after the grouping and do not change it. Returns labels (n,), -1 for noise.
    """
    from bertopic import BERTopic

    steps = BERTopic()
    return steps.hdbscan_model.fit_predict(_projected(steps.umap_model, vectors, seed))


def phoenix(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Phoenix's cookbook page "Identifying High-Signal Traces in Production", section "Embedding clustering".

    Arize-ai/phoenix, docs/phoenix/cookbook/tracing/identify-high-signal-traces.mdx, commit 184811c: UMAP to
    10 dimensions with UMAP's own defaults and a fixed seed, scikit-learn's HDBSCAN of at least 10. The vectors are
    those of the *inputs*. Returns labels (n,), -1 for noise.
    """
    import umap
    from sklearn.cluster import HDBSCAN

    low = _projected(umap.UMAP(n_components=10), vectors, seed)
    # copy only quiets a warning of scikit-learn 1.8 and later; the labels do not depend on it
    return HDBSCAN(min_cluster_size=10, copy=True).fit_predict(low)


def evoc(vectors: np.ndarray, seed: int) -> np.ndarray:
    """EVoC 0.3.2, ``EVoC()`` on the vectors (evoc/clustering.py, line 545): the layer that persists longest.

    Returns labels (n,), -1 for noise.
    """
    from evoc import EVoC

    return EVoC(random_state=seed).fit_predict(vectors)


def latent_scope(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Latent Scope 1.0.0 as its setup page opens: EVoC on the vectors (latentscope/scripts/cluster.py, ``_run_evoc``).

    The page proposes a minimum cluster size by the number of rows. Noise stays a group of its own, "Unclustered".
    Returns labels (n,), -1 for noise.
    """
    from evoc import EVoC

    return EVoC(base_min_cluster_size=_latent_scope_size(len(vectors)), random_state=seed).fit_predict(
        vectors
    )


def latent_scope_map(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Latent Scope 1.0.0 with HDBSCAN chosen: on the two-dimensional map (scripts/umapper.py, scripts/cluster.py).

    UMAP with 25 neighbours, min_dist 0.1, cosine; both axes scaled to -1..1; HDBSCAN with the minimum size,
    min_samples and epsilon that the setup page proposes for the number of rows. It was the only way before 1.0.
    Returns labels (n,), -1 for noise.
    """
    import hdbscan
    import umap

    few = len(vectors) < 1_000
    flat = _projected(umap.UMAP(n_neighbors=25, min_dist=0.1, metric="cosine"), vectors, seed)
    low, high = flat.min(axis=0), flat.max(axis=0)
    return hdbscan.HDBSCAN(
        min_cluster_size=_latent_scope_size(len(vectors)),
        min_samples=2 if few else 5,
        cluster_selection_epsilon=0.05 if few else 0.005,
    ).fit_predict(2 * (flat - low) / (high - low) - 1)


def _projected(umap_model: Any, vectors: np.ndarray, seed: int) -> np.ndarray:
    """The vectors as a UMAP model projects them, the same for the same seed."""
    import scipy.sparse.linalg

    umap_model.set_params(random_state=seed, n_jobs=1)
    # UMAP hands its seed to all but one step: since scipy 1.17 eigsh draws from a generator of its own, so that a
    # neighbour graph in several pieces starts elsewhere on every run
    eigsh = scipy.sparse.linalg.eigsh
    if "rng" in inspect.signature(eigsh).parameters:
        eigsh = partial(eigsh, rng=seed)
    with patch.object(scipy.sparse.linalg, "eigsh", eigsh):
        return umap_model.fit_transform(vectors)


def _latent_scope_size(n: int) -> int:
    """The "Min Cluster Size" that Latent Scope's setup page proposes (web/src/components/Setup/Cluster.jsx)."""
    return 3 if n < 1_000 else 15 if n < 10_000 else 25


@dataclass(frozen=True)
class Peer:
    """One tool: its grouping, and the text that it embeds by default."""

    labels: Callable[[np.ndarray, int], np.ndarray]
    embeds: Literal["input", "output"]


PEERS: dict[str, Peer] = {
    "BERTopic": Peer(bertopic, "output"),
    "Phoenix cookbook": Peer(phoenix, "input"),
    "Latent Scope": Peer(latent_scope, "output"),
    "Latent Scope, map": Peer(latent_scope_map, "output"),
    "EVoC": Peer(evoc, "output"),
}


def order(
    name: str,
    vectors: np.ndarray,
    *,
    trace_ids: Sequence[str],
    seed: int,
    flagged: np.ndarray | None = None,
) -> list[str]:
    """The order in which a reviewer reads what ``PEERS[name]`` grouped; Phoenix's cookbook uses the flags, if any."""
    ids = pd.Index(trace_ids).astype(str)
    # a tool's grouping may depend on the order of the rows; ours of the trace ids makes the answer depend on neither
    rank = np.argsort(ids.to_numpy(), kind="stable")
    labels = PEERS[name].labels(np.ascontiguousarray(vectors[rank]), seed)
    if name == "Phoenix cookbook":
        flags = None if flagged is None else np.asarray(flagged)[rank]
        return phoenix_sample(labels, ids[rank], seed, flagged=flags)
    return round_robin(labels, ids[rank], seed)


def round_robin(labels: np.ndarray, trace_ids: Sequence[str], seed: int) -> list[str]:
    """One trace of every cluster in turn, the largest cluster first, at random within a cluster, noise last.

    >>> round_robin(np.array([0, 0, 0, 1, 1, -1]), ["a", "b", "c", "d", "e", "f"], 0)
    ['c', 'd', 'b', 'e', 'a', 'f']
    """
    frame = _shuffled(labels, trace_ids, seed)
    sizes = frame["cluster"].value_counts()
    first = frame.groupby("cluster")["trace_id"].min()
    # equal sizes: by the smallest trace id, so that the numbers a tool gives its clusters do not matter
    listed = sorted(sizes.index, key=lambda c: (-sizes[c], first[c]))
    frame["place"] = frame["cluster"].map({c: place for place, c in enumerate(listed)})
    frame["turn"] = frame.groupby("cluster").cumcount()
    frame["noise"] = frame["cluster"] < 0
    return frame.sort_values(["noise", "turn", "place"], kind="stable")["trace_id"].tolist()


def phoenix_sample(
    labels: np.ndarray, trace_ids: Sequence[str], seed: int, *, flagged: np.ndarray | None = None
) -> list[str]:
    """The review sample of Phoenix's cookbook (step 6 of the cited page), taken again and again from what is unread.

    50 from the clusters in which more than 20 % are flagged, 20 from the smallest quarter of the clusters, 20 of the
    noise; at random within each. Without flags the first part is empty. Rows that no part reaches come last.
    """
    frame = _shuffled(labels, trace_ids, seed)
    flag = dict(zip(trace_ids, np.zeros(len(labels)) if flagged is None else flagged, strict=True))
    frame["flagged"] = frame["trace_id"].map(flag).astype(float)
    groups = frame[frame["cluster"] >= 0].groupby("cluster")["flagged"]
    rates, sizes = groups.mean(), groups.size()
    small = sizes.index[sizes <= sizes.quantile(0.25)] if len(sizes) else sizes.index
    parts = [
        (50, frame["cluster"].isin(rates.index[rates > 0.2])),
        (20, frame["cluster"].isin(small)),
        (20, frame["cluster"] < 0),
    ]
    read: dict[str, None] = {}
    queues = [(n, iter(frame.loc[mask, "trace_id"])) for n, mask in parts if mask.any()]
    while queues:
        left = []
        for n, queue in queues:
            taken = [i for i, _ in zip(_unread(queue, read), range(n), strict=False)]
            read.update(dict.fromkeys(taken))
            if len(taken) == n:
                left.append((n, queue))
        queues = left
    read.update(dict.fromkeys(frame["trace_id"]))
    return list(read)


def _unread(queue: Iterator[str], read: Mapping[str, None]) -> Iterator[str]:
    """What the queue still holds that was not read, one by one."""
    return (i for i in queue if i not in read)


def _shuffled(labels: np.ndarray, trace_ids: Sequence[str], seed: int) -> pd.DataFrame:
    """Trace ids with their clusters in an order that depends on the seed and the ids, not on their order."""
    frame = pd.DataFrame({"trace_id": pd.Index(trace_ids).astype(str), "cluster": np.asarray(labels)})
    return frame.sort_values("trace_id", ignore_index=True).sample(
        frac=1, random_state=seed, ignore_index=True
    )
