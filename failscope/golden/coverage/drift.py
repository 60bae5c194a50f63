"""Whether two sets of traces are of one kind, and which groups tell them apart: hides kernels, permutations and corrections."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.surface.cards import plain
from failscope.surface.neighbors import one_blas_thread

TESTED = 2_000
"""Rows of each side that the tests look at; more are sampled, whole sessions at a time while they fit."""

PERMUTATIONS = 500
"""How often the two sides are shuffled."""

LEVEL = 0.05
"""A p-value below it is called a difference."""


@dataclass(frozen=True, eq=False)
class Drift:
    """Two sets of traces compared.

    Attributes
    ----------
    what : str
        What was compared with what, for people.
    mmd : float
        The distance of the two kernel means (Gretton et al. 2012, JMLR 13), 0 when they are equal.
    p : float
        How often shuffled sides are as far apart: (1 + those) / (1 + shuffles).
    auc : float
        How well a classifier that learnt on one half tells the sides apart in the other half; 0.5 is not at all. NaN
        where a side is too small to be halved.
    auc_p : float
    groups : pandas.DataFrame
        One row a group, the strongest evidence first: ``by, group, share_before, share_now, change, p, p_holm,
        contribution``, the last being its part of all change in its way of grouping.
    sizes : tuple of int
        Rows of the two sides that the tests looked at.
    params : dict
    """

    what: str
    mmd: float
    p: float
    auc: float
    auc_p: float
    groups: pd.DataFrame = field(repr=False)
    sizes: tuple[int, int]
    params: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def drives(self) -> pd.DataFrame:
        """The groups whose share changed beyond chance, all groups tested together."""
        return self.groups[self.groups["p_holm"] < LEVEL]

    @property
    def note(self) -> str:
        """In a sentence, whether they differ and by what."""
        if self.p >= LEVEL:
            return f"{self.what}: no difference beyond chance (p = {self.p:.2g})"
        told = "" if not self.auc_p < LEVEL else f", a classifier tells them apart with AUC {self.auc:.2f}"
        most = [
            f"“{plain(g.group, 50)}” {g.share_before:.0%} -> {g.share_now:.0%}"
            for g in self.drives.head(3).itertuples()
        ]
        driven = f"; driven by {', '.join(most)}" if most else "; no single group stands out"
        return f"{self.what}: they differ (p = {self.p:.2g}{told}){driven}"

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``groups``."""
        return self.groups.copy()

    def __repr__(self) -> str:
        return f"<Drift {self.note}>"

    def _repr_html_(self) -> str:
        return f"<div><b>Drift</b> · {html.escape(self.note)}</div>"


def compare(
    A: np.ndarray,
    B: np.ndarray,
    *,
    what: str = "before and now",
    units: tuple[Sequence[str], Sequence[str]] | None = None,
    groups: Sequence[tuple[str, str, np.ndarray, np.ndarray]] = (),
    permutations: int = PERMUTATIONS,
    random_state: int = 0,
) -> Drift:
    """Test whether the rows of A and of B come from one distribution.

    The test is the kernel two-sample test (Gretton et al. 2012): a Gaussian kernel as wide as the median distance,
    and a p-value by shuffling who is of which side. Traces of one session are alike, so sessions are shuffled whole.
    Beside it a classifier two-sample test (Lopez-Paz and Oquab 2017), and for each group an exact test of its share
    among sessions (Fisher 1922) with Holm's correction (1979) over all groups.

    Parameters
    ----------
    A, B : (a, d) and (b, d) arrays
        Unit rows, the earlier or smaller side first.
    what : str
        What is compared, for people.
    units : pair of sequences, optional
        The session of each row; each row by itself when it is None, and a row whose session is "".
    groups : sequence of (by, name, in_a, in_b)
        Bool arrays (a,) and (b,).

    Raises
    ------
    ArgumentError
        When a side has fewer than two rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> A, B = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + [2, 0, 0]
    >>> compare(A, B).p < 0.01
    True
    """
    if min(len(A), len(B)) < 2:
        raise ArgumentError(
            f"sides of {len(A):,} and {len(B):,} rows cannot be compared; give at least 2 each"
        )
    if permutations < 19:
        raise ArgumentError(f"permutations={permutations} cannot give p < .05; take at least 19")
    rng = np.random.default_rng(random_state)
    unit_a, unit_b = _units(A, B, units)
    in_a, in_b = _sampled(unit_a, rng), _sampled(unit_b, rng)
    Z = np.concatenate([A[in_a], B[in_b]]).astype(np.float64)
    unit = np.unique(np.concatenate([unit_a[in_a], unit_b[in_b]]), return_inverse=True)[1]
    side = np.repeat([0.0, 1.0], [len(in_a), len(in_b)])
    with one_blas_thread():
        mmd, p = _mmd(Z, side, unit, permutations, rng)
        auc, auc_p = _classifier(Z, side, unit, permutations, rng)
    return Drift(
        what=what,
        mmd=mmd,
        p=p,
        auc=auc,
        auc_p=auc_p,
        groups=_changes(groups, unit_a, unit_b),
        sizes=(len(in_a), len(in_b)),
        params={"permutations": permutations, "random_state": random_state},
    )


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values that bound the chance of any false one (Holm 1979, Scandinavian Journal of Statistics 6).

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1.0)
    return out


def _units(
    A: np.ndarray, B: np.ndarray, units: tuple[Sequence[str], Sequence[str]] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the sessions of both sides; a session on both sides is one on each."""
    if units is None:
        return np.arange(len(A)), len(A) + np.arange(len(B))
    named = [
        f"{side}{name}" if name else f"\0{side}{i}"
        for side, names in enumerate(units)
        for i, name in enumerate(names)
    ]
    number = np.unique(np.array(named, dtype=object), return_inverse=True)[1]
    return number[: len(A)], number[len(A) :]


def _sampled(unit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of whole sessions drawn at random, at most ``TESTED``; of sessions longer than that, some rows."""
    if len(unit) <= TESTED:
        return np.arange(len(unit))
    names, inverse, counts = np.unique(unit, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    kept = order[: max(int(np.searchsorted(np.cumsum(counts[order]), TESTED, side="right")), 2)]
    rows = np.flatnonzero(np.isin(inverse, kept))
    return rows if len(rows) <= TESTED else np.sort(rng.choice(rows, TESTED, replace=False))


def _shuffled(side: np.ndarray, unit: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(n, count): the side of each row when the sides are shuffled over whole units."""
    first = np.unique(unit, return_index=True)[1]
    of = side[first]
    drawn = np.stack([rng.permutation(of) for _ in range(count)], axis=1)
    return drawn[unit]


def _mmd(
    Z: np.ndarray, side: np.ndarray, unit: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[float, float]:
    squares = np.einsum("ij,ij->i", Z, Z)
    gap = np.maximum(squares[:, None] + squares[None, :] - 2 * Z @ Z.T, 0)
    away = gap[np.triu_indices(len(Z), 1)]
    scale = float(np.median(away)) or float(away.mean()) or 1.0
    K = np.exp(-gap / scale)

    def squared(sides: np.ndarray) -> np.ndarray:
        weight = sides / sides.sum(axis=0) - (1 - sides) / (1 - sides).sum(axis=0)
        return np.einsum("ij,ij->j", weight, K @ weight)

    seen = float(squared(side[:, None])[0])
    drawn = np.concatenate(
        [squared(_shuffled(side, unit, min(100, count - at), rng)) for at in range(0, count, 100)]
    )
    # what rounding parts is not further apart
    seen = seen if seen > 1e-12 else 0.0
    return float(np.sqrt(seen)), (1 + int((drawn >= seen - 1e-12).sum())) / (1 + count)


def _classifier(
    Z: np.ndarray, side: np.ndarray, unit: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[float, float]:
    from scipy.stats import rankdata
    from sklearn.linear_model import LogisticRegression

    first = np.unique(unit, return_index=True)[1]
    half = np.zeros(len(first), dtype=bool)
    for s in (0.0, 1.0):  # half of the sessions of each side
        members = np.flatnonzero(side[first] == s)
        half[rng.permutation(members)[: len(members) // 2]] = True
    learn = half[unit]
    if min(np.bincount(side[learn].astype(int), minlength=2).min(), (~half).sum()) < 5:
        return float("nan"), float("nan")
    if np.bincount(side[~learn].astype(int), minlength=2).min() < 5:
        return float("nan"), float("nan")
    model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(Z[learn], side[learn])
    rank = rankdata(np.round(model.decision_function(Z[~learn]), 9))
    held, held_unit = side[~learn], np.unique(unit[~learn], return_inverse=True)[1]

    def auc(sides: np.ndarray) -> np.ndarray:
        ones = sides.sum(axis=0)
        return (rank @ sides - ones * (ones + 1) / 2) / (ones * (len(rank) - ones))

    seen = float(auc(held[:, None])[0])
    drawn = auc(_shuffled(held, held_unit, count, rng))
    return seen, (1 + int((drawn >= seen - 1e-12).sum())) / (1 + count)


def _changes(
    groups: Sequence[tuple[str, str, np.ndarray, np.ndarray]], unit_a: np.ndarray, unit_b: np.ndarray
) -> pd.DataFrame:
    """Each group's share on both sides, among traces, and its evidence, among sessions."""
    from scipy.stats import fisher_exact

    columns = ["by", "group", "share_before", "share_now", "change", "p", "p_holm", "contribution"]
    all_a, all_b = len(np.unique(unit_a)), len(np.unique(unit_b))
    rows = []
    for by, name, in_a, in_b in groups:
        a, b = len(np.unique(unit_a[in_a])), len(np.unique(unit_b[in_b]))
        p = float(fisher_exact([[a, all_a - a], [b, all_b - b]]).pvalue)
        share_a, share_b = float(in_a.mean()), float(in_b.mean())
        rows.append((by, name, share_a, share_b, share_b - share_a, min(p, 1.0)))
    if not rows:
        return pd.DataFrame(columns=columns)
    frame = pd.DataFrame(rows, columns=columns[:6])
    frame["p_holm"] = holm(frame["p"].to_numpy())
    total = frame["change"].abs().groupby(frame["by"]).transform("sum")
    frame["contribution"] = np.where(total > 0, frame["change"].abs() / total.replace(0, 1.0), 0.0)
    order = np.lexsort((-frame["change"].abs(), frame["p"]))
    return frame.iloc[order].reset_index(drop=True)
