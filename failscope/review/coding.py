"""From free notes to failure modes: hides how notes that say the same are found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from failscope.surface.embedding import embed_texts

FEWEST = 2
"""Notes that make a group."""
NEAR = 0.35
"""Cosine distance up to which the notes of a group are on average."""


def note_groups(notes: Mapping[str, str]) -> pd.DataFrame:
    """Notes that probably speak of the same failure, the largest group first.

    The second step of qualitative coding (open, then axial coding: Strauss and Corbin 1990): people first write freely
    what they see, and only then look which of it belongs together. Notes are embedded by the bundled model and joined
    by average linkage (Sokal and Michener 1958) while those of a group are within ``NEAR`` of each other on average. A
    group is a suggestion; a person names it.

    Parameters
    ----------
    notes : mapping
        Trace -> the note; empty ones are left out.

    Returns
    -------
    pandas.DataFrame
        Index ``group`` from 0: ``size``, ``note`` (the one nearest to all of the group), ``trace_ids`` (the most typical
        first) and ``notes`` (theirs). Notes that are like no other come last, each a group of its own.

    Examples
    --------
    >>> said = {"a": "made up a refund policy", "b": "invented refund policy", "c": "answered in French"}
    >>> note_groups(said)["size"].tolist()
    [2, 1]
    """
    ids = sorted(trace_id for trace_id, note in notes.items() if note.strip())
    texts = [" ".join(notes[i].split()) for i in ids]
    groups = _together(texts)
    rows = [(len(g), texts[g[0]], [ids[m] for m in g], [texts[m] for m in g]) for g in groups]
    rows.sort(key=lambda row: (-row[0], row[1], row[2]))
    index = pd.RangeIndex(len(rows), name="group")
    return pd.DataFrame(rows, index=index, columns=["size", "note", "trace_ids", "notes"])


def _together(texts: list[str]) -> list[list[int]]:
    """The groups, each with its most typical note first."""
    if len(texts) < FEWEST:
        return [[i] for i in range(len(texts))]
    from sklearn.cluster import AgglomerativeClustering

    vectors = embed_texts([text.casefold() for text in texts], progress=False).astype(float)
    apart = np.clip(1 - vectors @ vectors.T, 0, 2)
    model = AgglomerativeClustering(
        n_clusters=None, distance_threshold=NEAR, metric="precomputed", linkage="average"
    )
    labels = model.fit_predict(apart)
    groups = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        typical = apart[np.ix_(members, members)].mean(axis=1).round(6)
        groups.append([int(m) for m in members[np.argsort(typical, kind="stable")]])
    return groups
