"""Which traces to read this week, in which order, each with its reason and its chance of being drawn."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.review.alike import alike
from failscope.review.discovery import pick, worth
from failscope.review.ground import Ground, survey
from failscope.review.reasons import edge_reason, pick_reason
from failscope.review.sampling import Draw, draw_simple, draw_stratified, spread
from failscope.surface.clustering import Clustering

Strategy = Literal["balanced", "explore", "stratified", "random"]
PLAN_COLUMNS = ("position", "trace_id", "cluster", "reason", "probability")
"""The columns of ``ReviewPlan.frame``."""
RANDOM_SHARE = 0.2
"""Of a balanced plan, the part that is drawn at random so that shares in all of production can be estimated."""
EDGE_SHARE = 0.05
"""Of the budget, the part that is set aside for edge cases, the same for each group of them."""
CARRIED = "left unread last week"
LATER = "chosen later, by the plan or by a reviewer"
"""The reason of what was read and is not in the plan as it was made."""

_Row = tuple[str, str, float]
_PERSONAL = ("_ground", "_alike")  # what a plan works out once and hands to the plans that it adapts to


@dataclass(frozen=True, eq=False)
class ReviewPlan:
    """Traces in the order to read them.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``position`` (from 1), ``trace_id``, ``cluster``, ``reason`` (a sentence), ``probability``: the exact
        chance with which this trace was drawn into the plan's random sample, NaN where it was chosen.
    clustering : Clustering
        What the plan was made from.
    params : dict
        Budget, strategy, seed, and what the estimates need: ``population`` (the traces that could be drawn),
        ``drawn`` (the random sample's ids in the order of the draw) and ``layer`` (the place of the layer of
        clusters whose clusters are the strata; -1: no strata).
    """

    frame: pd.DataFrame
    clustering: Clustering
    params: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def adapt(self, read: Mapping[str, Iterable[str]]) -> ReviewPlan:
        """The plan after these traces were read: they come first, the rest is chosen and ordered anew.

        Parameters
        ----------
        read : mapping
            Trace id -> its failure modes, ``[]`` for fine, in the order of reading. Traces that are not in the
            plan count as well; ids that the clustering does not have are left out.

        Returns
        -------
        ReviewPlan
            As many reads as before, more only where reads outside the plan leave too few for the random sample. That
            sample stays what it is, and in its order, so that no word of a reviewer moves an estimate; the chosen
            traces that are unread are chosen again from all traces.

        Raises
        ------
        ArgumentError
            When ``read`` is not a mapping of ids to lists of failure modes.

        Notes
        -----
        A trace is worth its novelty (distance to everything read or planned) times the chance that it fails, times the
        chance that it shows no mode that was met often, both learned from what was read: see ``discovery`` and docs/plan.md.
        """
        said = self._said(read)
        if not said:
            return self
        rows = zip(self.frame["trace_id"], self.frame["reason"], self.frame["probability"], strict=True)
        planned = {i: (i, reason, probability) for i, reason, probability in rows}
        begun = [planned.get(i, (i, LATER, np.nan)) for i in said]
        left = self.frame[~self.frame["trace_id"].isin(list(said))]
        sample = left[left["probability"].notna()]
        sample_rows = list(zip(sample["trace_id"], sample["reason"], sample["probability"], strict=True))
        kept = [(i, CARRIED, np.nan) for i in self.params.get("carried", ()) if i not in said]
        count = max(0, len(self) - len(begun) - len(sample_rows) - len(kept))
        if self.params["strategy"] in ("random", "stratified"):
            count = 0  # nothing in it was chosen, so nothing is
        planned_still = [*sample["trace_id"], *(row[0] for row in kept)]
        chosen, edges = self._choose(count, said, planned=planned_still) if count else ([], [])
        # each kind goes on where it is, however often the rest is chosen anew
        drawn = len(self._drawn) - len(sample_rows)
        edge = max(0, self.params.get("edges", 0) - len(edges))
        before = [max(0, len(begun) - drawn - edge), edge, drawn]
        rest = spread([[*kept, *chosen], edges, sample_rows], begun=before)
        adapted = ReviewPlan(_frame([*begun, *rest], self.clustering), self.clustering, self.params)
        adapted.__dict__.update({k: v for k, v in self.__dict__.items() if k in _PERSONAL})
        return adapted

    def _said(self, read: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        """What was read of this clustering's traces, checked."""
        if not isinstance(read, Mapping):
            raise ArgumentError(
                f"read={type(read).__name__} is no mapping; give {{trace_id: [failure modes]}}, [] for fine"
            )
        known = self.clustering.traces.frame.index
        said: dict[str, list[str]] = {}
        for trace_id, modes in read.items():
            if isinstance(modes, str) or not isinstance(modes, Iterable):
                raise ArgumentError(
                    f"read[{trace_id!r}]={modes!r} is no list of failure modes; give {[] if modes is None else [modes]!r}"
                )
            if trace_id in known:
                said[trace_id] = list(modes)
        return said

    def without(self, trace_ids: Iterable[str]) -> ReviewPlan:
        """The plan after these traces were deleted: what is left of its random sample is one of the traces that are left.

        The clustering must be without them already.
        """
        gone = set(trace_ids)
        frame = self.frame[~self.frame["trace_id"].isin(list(gone))].reset_index(drop=True)
        params = {
            **self.params,
            "drawn": [i for i in self._drawn if i not in gone],
            "carried": [i for i in self.params.get("carried", ()) if i not in gone],
            "reviewed": [i for i in self._skip if i not in gone],
            "population": self.params["population"] - len(gone - set(self._skip)),
        }
        return ReviewPlan(frame.assign(position=np.arange(1, len(frame) + 1)), self.clustering, params)

    def alike(self, trace_id: str) -> list[str]:
        """The traces that reading this one counts for: the same question with the same answer, see ``alike``."""
        return self.alike_all([trace_id])[trace_id]

    def alike_all(self, trace_ids: Iterable[str]) -> dict[str, list[str]]:
        """``alike`` for several traces at once, which takes little longer than for one."""
        ids = list(dict.fromkeys(trace_ids))
        unknown = [i for i in ids if i not in self._alike]
        if unknown:
            self._alike.update(alike(self.clustering.traces.frame, unknown))
        return {i: list(self._alike.get(i, ())) for i in ids}

    def sample(self) -> pd.DataFrame:
        """The random sample in the order of its draw: ``trace_id, stratum, size`` (traces that the stratum has)."""
        drawn = pd.DataFrame({"trace_id": self._drawn})
        layer = self.params.get("layer", -1)
        if layer < 0:
            return drawn.assign(stratum=0, size=self.params["population"])
        found = self.clustering
        stratum = pd.Series(found.layers[layer], index=found.trace_ids)
        sizes = stratum[~stratum.index.isin(self._skip)].value_counts()
        drawn["stratum"] = stratum.loc[drawn["trace_id"]].to_numpy()
        return drawn.assign(size=drawn["stratum"].map(sizes))

    def to_frame(self) -> pd.DataFrame:
        """A copy of the plan."""
        return self.frame.copy()

    @cached_property
    def _ground(self) -> Ground:
        return self._surveyed()

    def _surveyed(self, *, progress: bool = True) -> Ground:
        return survey(
            self.clustering,
            leave=self._skip,
            least=self.params["budget"],
            include=[*self._drawn, *self._skip],
            progress=progress,
        )

    @cached_property
    def _drawn(self) -> pd.Series:
        """The random sample's ids in the order of the draw."""
        drawn = self.params.get("drawn")  # a plan that was stored before 0.1.0 has it in its frame alone
        if drawn is None:
            drawn = self.frame.loc[self.frame["probability"].notna(), "trace_id"]
        return pd.Series(list(drawn), dtype="str")

    @cached_property
    def _alike(self) -> dict[str, list[str]]:
        return alike(self.clustering.traces.frame, self.frame["trace_id"])

    def _choose(
        self, count: int, read: Mapping[str, Sequence[str]], *, planned: Iterable[str]
    ) -> tuple[list[_Row], list[_Row]]:
        """The next ``count`` traces with their reasons: chosen from all, and chosen for the edge cases."""
        ground = self._ground.extended(self.clustering, read)
        value, fails = worth(ground, read)
        taken = ground.rows([*read, *planned, *self._skip])
        edges = self._edge_picks(count, ground, taken, value, met=ground.rows(list(read)))
        taken = np.concatenate([taken, np.array([row for row, _ in edges], dtype=taken.dtype)])
        order = pick(ground, count - len(edges), taken=taken, worth=value)
        learned = fails if any(read.values()) else None
        probes = self.clustering.params["probes"]
        chosen = [
            (ground.ids[row], pick_reason(ground, row, probes, novelty=novelty, chance=learned), np.nan)
            for row, novelty in order
        ]
        return chosen, [(ground.ids[row], edge_reason(ground, row, g, probes), np.nan) for row, g in edges]

    def _edge_picks(
        self, count: int, ground: Ground, taken: np.ndarray, value: np.ndarray, *, met: np.ndarray
    ) -> list[tuple[int, str]]:
        """For each edge-case group in turn its best trace, until its share is used up; what was read counts."""
        room = int(EDGE_SHARE * self.params["budget"])
        groups = [g for g in ground.edge if ground.edge[g].any()]
        most = -(-room // max(len(groups), 1))
        turns = {g: int(ground.edge[g].to_numpy()[met].sum()) for g in groups}
        found: list[tuple[int, str]] = []
        taken = taken.copy()
        # a group that half of the log belongs to has its share soon, and takes nothing of the others'
        while groups and sum(min(n, most) for n in turns.values()) < room and len(found) < count:
            group = min(groups, key=lambda g: (turns[g], groups.index(g)))
            inside = np.setdiff1d(np.flatnonzero(ground.edge[group].to_numpy()), taken)
            best = pick(ground, 1, taken=taken, worth=value, among=inside) if turns[group] < most else []
            if not best:
                groups.remove(group)
                continue
            turns[group] += 1
            found.append((best[0][0], group))
            taken = np.append(taken, best[0][0])
        return found

    @property
    def _skip(self) -> list[str]:
        return list(self.params.get("reviewed", ()))

    def __repr__(self) -> str:
        return f"<ReviewPlan {self._counts()}>"

    def _repr_html_(self) -> str:
        head = self.frame.head(8).to_html(
            index=False, escape=True, border=0, float_format="{:.4f}".format, na_rep=""
        )
        return f"<div><b>Review plan</b> · {html.escape(self._counts())}</div>{head}"

    def _counts(self) -> str:
        drawn = int(self.frame["probability"].notna().sum())
        return (
            f"{len(self):,} of {self.params['population']:,} traces · {drawn:,} drawn at random, "
            f"{len(self) - drawn:,} chosen · {self.frame['cluster'].nunique():,} clusters"
        )


def plan_review(
    found: Clustering,
    *,
    budget: int = 120,
    strategy: Strategy = "balanced",
    reviewed: Iterable[str] = (),
    carried: pd.DataFrame | Iterable[str] = (),
    random_state: int = 0,
    progress: bool = True,
) -> ReviewPlan:
    """Choose the traces to read.

    Parameters
    ----------
    found : Clustering
    budget : int
        How many traces to read; all of them when there are fewer.
    strategy : {"balanced", "explore", "stratified", "random"}
        ``"balanced"`` draws a fifth by simple random sampling without replacement and chooses the rest to show
        failures of new kinds. ``"explore"`` chooses all; no share can be estimated from it. ``"stratified"`` draws all
        at random within clusters, small ones more often than their share; ``"random"`` draws all by simple random
        sampling.
    reviewed : iterable of str
        Ids of traces that were read before, as ``ws.reviewed()`` gives them: not drawn and not chosen again. Shares
        are then those of the traces that are not among them.
    carried : pandas.DataFrame or iterable of str
        What was left unread last week, as ``session.unread()`` gives it: read first, at most half of the budget. The
        traces must be in ``found``: ``ws.traces(since, until, also=session.unread()["trace_id"])``.
    random_state : int
        The seed of the draw.
    progress : bool
        Whether to show how far the embedding is, where texts must be embedded first.

    Notes
    -----
    The random sample is drawn first, from all traces, so its chances are exact and the choices cannot bias an
    estimate from it. It is read in the order of the draw, spread evenly over the plan: what was read of it at any
    moment is itself a random sample. Chosen are, each with its reason in words: traces that behave unlike
    everything in the plan, the likelier to fail by their signals and hints the better, and a twentieth from the
    groups of edge cases. ``ReviewPlan.adapt`` chooses the rest again when labels come in.
    """
    if isinstance(budget, bool) or not isinstance(budget, int | np.integer) or budget < 1:
        raise ArgumentError(
            f"budget={budget!r} is not a number of traces to read; give a whole number from 1 on"
        )
    if strategy not in get_args(Strategy):
        known = ", ".join(map(repr, get_args(Strategy)))
        raise ArgumentError(f"strategy={strategy!r} is not known; use {known}")
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer) or random_state < 0:
        raise ArgumentError(f"random_state={random_state!r} is not a seed; give a whole number from 0 on")
    if isinstance(reviewed, str):
        raise ArgumentError(f"reviewed={reviewed!r} is one text; give a list: [{reviewed!r}]")
    # in the order of the ids, so that the same seed draws the same traces however the frame is sorted
    order = np.argsort(found.trace_ids.astype(str), kind="stable")
    before = np.isin(found.trace_ids[order].astype(str), sorted(set(reviewed)))
    places = order[~before]
    if not len(places):
        raise ArgumentError("every trace was reviewed before; leave out reviewed= to read them again")
    size = min(int(budget), len(places))
    share = {"balanced": RANDOM_SHARE, "explore": 0.0}.get(strategy, 1.0)
    n_random = max(1, round(size * share)) if share else 0
    rng = np.random.default_rng(random_state)
    draw = (
        draw_stratified(found, places, n_random, rng)
        if strategy == "stratified"
        else draw_simple(len(places), n_random, rng)
    )
    sample = _sampled(found, places, draw)
    first = _carried(found, carried, size // 2, leave={row[0] for row in sample} | set(reviewed))
    if first and size == n_random:
        raise ArgumentError(
            f"strategy={strategy!r} draws all at random, and what was left unread is not; use 'balanced' or 'explore'"
        )
    params = {
        "budget": size,
        "strategy": strategy,
        "random_state": int(random_state),
        "population": len(places),
        "sample": n_random,
        "drawn": [row[0] for row in sample],
        "layer": draw.layer,
        "reviewed": found.trace_ids[order[before]].tolist(),
        "carried": first,
    }
    plan = ReviewPlan(_frame(sample, found), found, params)
    if size == n_random:
        return plan
    ground = plan.__dict__["_ground"] = plan._surveyed(progress=progress)
    count = size - n_random - len(first)
    chosen, edges = plan._choose(count, {}, planned=[*params["drawn"], *first])
    rows = spread([[*((i, CARRIED, np.nan) for i in first), *chosen], edges, sample])
    whole = ReviewPlan(_frame(rows, found), found, {**params, "edges": len(edges)})
    whole.__dict__["_ground"] = ground
    return whole


def _carried(
    found: Clustering, carried: pd.DataFrame | Iterable[str], most: int, *, leave: Collection[str]
) -> list[str]:
    """The first of what was left unread that is neither drawn nor reviewed."""
    if isinstance(carried, str):
        raise ArgumentError(f"carried={carried!r} is one text; give a list: [{carried!r}]")
    ids = carried["trace_id"] if isinstance(carried, pd.DataFrame) else carried
    known = set(found.trace_ids)
    ids = list(dict.fromkeys(str(i) for i in ids))
    missing = [i for i in ids if i not in known]
    if missing:
        raise ArgumentError(
            f"{len(missing):,} of {len(ids):,} carried traces are not in the clustering, as {missing[0]!r}; "
            "take them in with ws.traces(since, until, also=session.unread()['trace_id'])"
        )
    return [i for i in ids if i not in leave][:most]


def _sampled(found: Clustering, places: np.ndarray, draw: Draw) -> list[tuple[str, str, float]]:
    """The drawn traces with their reason and their chance."""
    rows = []
    for pick_ in draw.picks:
        stratum = draw.stratum[pick_]
        n, of = int(draw.drawn[stratum]), int(draw.sizes[stratum])
        where = "" if draw.layer < 0 else " of its cluster"
        rows.append((str(found.trace_ids[places[pick_]]), f"drawn at random, {n:,} of {of:,}{where}", n / of))
    return rows


def _frame(rows: Sequence[tuple[str, str, float]], found: Clustering) -> pd.DataFrame:
    cluster = pd.Series(found.labels, index=found.trace_ids)
    frame = pd.DataFrame(rows, columns=["trace_id", "reason", "probability"])
    frame.insert(0, "position", np.arange(1, len(frame) + 1))
    frame.insert(2, "cluster", cluster.loc[frame["trace_id"]].to_numpy())
    return frame.astype({"trace_id": "str", "reason": "str", "probability": "float64"})
