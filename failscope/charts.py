"""Pictures of a clustering as Altair charts: hides colours that hold in light and dark, and what a browser can draw."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError, NotFoundError
from failscope.review.changes import FALLS, RISES
from failscope.surface.cards import plain
from failscope.surface.clustering import Clustering
from failscope.surface.profile import NOISE

if TYPE_CHECKING:
    import altair as alt

    from failscope.golden.coverage.coverage import Coverage
    from failscope.review.movements import Movements

DRAWN = 5_000
"""Points that a map draws at most: Altair's own limit. More are sampled, and the title says so."""

INK = "#808080"  # text and lines: it can be read on white and on near black
FAINT = "#8080804d"
BLUE = "#3b82c4"
ORANGE = "#d9772b"
# Okabe and Ito's colours without black and yellow, which vanish on a dark or on a white ground; then two more
PALETTE = ("#3b82c4", "#d9772b", "#2a9d78", "#b5609b", "#56a8d8", "#b58a00", "#d0533a", "#7a68c8")
OTHERS = "all others"


def cluster_map(found: Clustering, *, color: str = "cluster", random_state: int = 0) -> alt.Chart:
    """The map, a point a trace; it zooms and pans.

    Parameters
    ----------
    found : Clustering
    color : str
        "cluster" (the eight most suspicious in colour, all others grey), "edge", or the name of a behaviour.
    random_state : int
        Which traces are drawn when there are more than ``DRAWN``.

    Raises
    ------
    ArgumentError
        When the clustering has no map, or ``color`` is not one of its behaviours.
    """
    import altair as alt

    if found.params["projector"] is None:
        raise ArgumentError("this clustering has no map; cluster again without projector=None")
    if color not in ("cluster", "edge", *found.behaviours.columns):
        known = ", ".join(map(repr, found.behaviours.columns))
        raise ArgumentError(f"color={color!r} is not known; use 'cluster', 'edge' or a behaviour: {known}")
    # in the order of the ids, so that the same traces are drawn however the rows came
    rows = np.argsort(found.trace_ids.astype(str), kind="stable")
    if len(rows) > DRAWN:
        rows = np.sort(np.random.default_rng(random_state).choice(rows, DRAWN, replace=False))
    labels, frame = found.labels[rows], found.traces.frame
    summary = found.summary()
    data = pd.DataFrame(
        {
            "x": found.xy[rows, 0],
            "y": found.xy[rows, 1],
            "trace": found.trace_ids[rows],
            "cluster": [f"{c} · {plain(summary.at[c, 'name'], 40)}" for c in labels],
            "output": [plain(output, 120) for output in frame["output"].to_numpy(dtype=object)[rows]],
        }
    )
    tooltip: list[Any] = ["trace", "cluster", "output"]
    if color == "cluster":
        shown = [c for c in summary.index[: len(PALETTE)] if c != NOISE]
        names = [f"{c} · {plain(summary.at[c, 'name'], 40)}" for c in shown]
        data["colour"] = np.where(np.isin(labels, shown), data["cluster"], OTHERS)
        # grey is drawn first, so that it covers nothing
        data = data.sort_values("colour", key=lambda column: column != OTHERS, kind="stable")
        domain = [*names, *([OTHERS] if (data["colour"] == OTHERS).any() else [])]
        scale = alt.Scale(domain=domain, range=[*PALETTE[: len(names)], FAINT][: len(domain)])
        legend = alt.Legend(title="most suspicious first", orient="right", labelLimit=320, symbolOpacity=1)
        colour = alt.Color("colour:N", scale=scale, sort=domain, legend=legend)
    else:
        data["colour"] = found.edge[rows] if color == "edge" else found.behaviours[color].to_numpy()[rows]
        colour = alt.Color(
            "colour:Q", scale=alt.Scale(range=["#8fb8d8", "#d9772b"]), legend=alt.Legend(title=color)
        )
        tooltip.append(alt.Tooltip("colour:Q", title=color, format=".3g"))
    drawn = (
        f"{len(rows):,} of {len(found):,} traces, drawn at random"
        if len(rows) < len(found)
        else f"{len(found):,} traces"
    )
    chart = (
        alt.Chart(data)
        .mark_circle(size=26 if len(rows) < 2000 else 14, opacity=0.75)
        .encode(x=alt.X("x:Q", axis=None), y=alt.Y("y:Q", axis=None), color=colour, tooltip=tooltip)
        .properties(width=560, height=460)
        .interactive()
    )
    return _styled(chart, f"Map of {drawn}", "Near is alike; axes have no unit")


def weekly_shares(found: Clustering, *, clusters: list[int] | None = None) -> alt.Chart:
    """The share of clusters in each week's traces, with the 95% interval of each share (Wilson 1927).

    Parameters
    ----------
    found : Clustering
    clusters : list of int, optional
        Which ones; None takes the six most suspicious.

    Raises
    ------
    ArgumentError
        When no trace has a time.
    """
    import altair as alt

    summary = found.summary()
    chosen = [int(c) for c in summary.index[:6]] if clusters is None else list(clusters)
    rows = []
    for c in chosen:
        weeks = found.profile(c).weeks
        low, high = _wilson(weeks["count"].to_numpy(dtype=float), weeks["total"].to_numpy(dtype=float))
        title = f"{c} · {plain(found.name(c), 34)}"
        rows += [
            {"cluster": title, "week": w, "share": s, "low": a, "high": b, "count": int(k), "total": int(n)}
            for w, s, a, b, k, n in zip(
                weeks.index, weeks["share"], low, high, weeks["count"], weeks["total"], strict=True
            )
        ]
    if not rows:
        raise ArgumentError(
            "no trace has a timestamp, so there is no trend; name its column, columns={'timestamp': ...}"
        )
    data = pd.DataFrame(rows)
    week = alt.X("week:O", title=None, axis=alt.Axis(labelAngle=-40))
    tooltip = ["cluster", "week", alt.Tooltip("share:Q", format=".1%"), "count", "total"]
    share = alt.Y("share:Q", title="share of the week's traces", axis=alt.Axis(format="%"))
    base = alt.Chart(data).encode(x=week)
    band = base.mark_area(opacity=0.18, color=BLUE).encode(
        y=alt.Y("low:Q", title="share of the week's traces"), y2="high:Q"
    )
    line = base.mark_line(color=BLUE, point=alt.OverlayMarkDef(color=BLUE, size=30)).encode(
        y=share, tooltip=tooltip
    )
    titles = [f"{c} · {plain(found.name(c), 34)}" for c in chosen]
    facet = alt.Facet("cluster:N", title=None, sort=titles, header=alt.Header(labelColor=INK, labelLimit=230))
    chart = alt.layer(band, line).properties(width=230, height=130).facet(facet=facet, columns=3)
    return _styled(chart, "Share of each week's traces", "Bands: 95% intervals")


def mode_trends(movements: Movements, *, n: int = 12) -> alt.Chart:
    """The share of the most changed groups and failure modes in each week, with 95% intervals; orange where it was told.

    Parameters
    ----------
    movements : Movements
        From ``match_weeks``.
    n : int
        How many at most: those that changed, the strongest evidence first; where none did, the six that came nearest.

    Raises
    ------
    ArgumentError
        When there is only one week.
    """
    import altair as alt

    frame = movements.frame
    if frame["week"].nunique() < 2:
        raise ArgumentError(
            f"there is only one week, {movements.weeks[-1]!r}, so there is no trend; match two weeks at least"
        )
    changed = frame[frame["what"].isin(RISES | FALLS) & (frame["same_as"] == "")]
    told = changed if len(changed) else movements.week().nsmallest(6, "p")
    best = told.sort_values("p", kind="stable").drop_duplicates("key").head(n)
    titles: dict[str, str] = {}
    for row in best.itertuples():
        what = f"{row.what} since {row.since}" if len(changed) else f"q = {row.q:.2f}"
        title = f"{what}\n{plain(row.name, 56)}"
        titles[row.key] = f"{title} ({len(titles)})" if title in titles.values() else title
    rows = frame[frame["key"].isin(titles) & (frame["total"] > 0)]
    data = pd.DataFrame(
        {
            "group": rows["key"].map(titles),
            **{c: rows[c] for c in ("week", "share", "low", "high", "count", "total", "what")},
            "evidence": [plain(text, 300) for text in rows["evidence"]],
            "told": [
                "told" if w in RISES | FALLS and same == "" else "not told"
                for w, same in zip(rows["what"], rows["same_as"], strict=True)
            ],
        }
    )
    week = alt.X("week:O", title=None, axis=alt.Axis(labelAngle=-40))
    share = alt.Y("share:Q", title="share", axis=alt.Axis(format=".1~%", tickCount=4))
    tooltip = ["group", "week", alt.Tooltip("share:Q", format=".1%"), "count", "total", "what", "evidence"]
    colour = alt.Color(
        "told:N", scale=alt.Scale(domain=["told", "not told"], range=[ORANGE, BLUE]), legend=None
    )
    base = alt.Chart(data).encode(x=week)
    band = base.mark_area(opacity=0.18, color=BLUE).encode(y=alt.Y("low:Q", title="share"), y2="high:Q")
    line = base.mark_line(color=BLUE).encode(y=share)
    points = base.mark_point(filled=True, size=46, opacity=1).encode(y=share, color=colour, tooltip=tooltip)
    header = alt.Header(labelColor=INK, labelLimit=320, labelExpr="split(datum.value, '\\n')")
    facet = alt.Facet("group:N", title=None, sort=list(titles.values()), header=header)
    chart = (
        alt.layer(band, line, points)
        .properties(width=260, height=110)
        .facet(facet=facet, columns=3)
        .resolve_scale(y="independent")
    )
    many = "what changed" if len(changed) else "nothing changed beyond chance"
    return _styled(
        chart,
        f"Share of each week's traces: {many}",
        "Bands: 95% intervals; orange: the week in which it was told; each chart has its own scale",
    )


def behaviour_contrast(found: Clustering, cluster: int, *, n: int = 8) -> alt.Chart:
    """What sets a cluster apart: for each behaviour or field, its effect in medium effects, with the sentence.

    Raises
    ------
    NotFoundError
        When there is no such cluster.
    """
    import altair as alt

    profile = found.profile(cluster)
    data = profile.to_frame().head(n)
    title = f"{cluster} · {plain(profile.name, 60)}"
    if data.empty:
        data = pd.DataFrame(
            {"says": ["nothing in its behaviour or fields"], "effect": [0.0], "side": ["more here"]}
        )
    else:
        data = data.assign(says=[plain(s, 90) for s in data["says"]])
        data["side"] = np.where(data["effect"] > 0, "more here", "less here")
    colour = alt.Color(
        "side:N",
        scale=alt.Scale(domain=["more here", "less here"], range=[ORANGE, BLUE]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    chart = (
        alt.Chart(data)
        .mark_bar(height={"band": 0.6})
        .encode(
            x=alt.X("effect:Q", title="effect, in medium effects (1 = medium)"),
            y=alt.Y(
                "says:N", sort=None, title=None, axis=alt.Axis(labelLimit=520, ticks=False, domain=False)
            ),
            color=colour,
            tooltip=["says", alt.Tooltip("effect:Q", format=".2f")],
        )
        .properties(width=280, height=alt.Step(26))
    )
    return _styled(chart, title, f"{profile.size:,} traces against the {len(found) - profile.size:,} others")


def signal_lifts(found: Clustering, *, signal: str = "any bad signal", n: int = 15) -> alt.Chart:
    """The lift of a bad signal in each cluster with its 95% interval, the highest lower end first.

    Parameters
    ----------
    found : Clustering
    signal : str
        "any bad signal", "any hint" or the name of a declared signal.
    n : int
        How many clusters.

    Raises
    ------
    NotFoundError
        When no such signal is declared.
    """
    import altair as alt

    rows = []
    for c in (int(c) for c in found.summary().index if c != NOISE):
        signals = found.profile(c).signals
        if signal not in signals.index:
            known = ", ".join(map(repr, signals.index))
            raise NotFoundError(f"no signal {signal!r}; there are {known}")
        row = signals.loc[signal]
        rows.append({"cluster": f"{c} · {plain(found.name(c), 44)}", **row.to_dict()})
    data = pd.DataFrame(rows).dropna(subset=["low", "high"])
    data = (
        data[np.isfinite(data["lift"]) & (data["lift"] > 0)]
        .sort_values("low", ascending=False, kind="stable")
        .head(n)
    )
    # an open end is drawn as far as the axis goes
    top = max(4.0, float(data["high"].replace(np.inf, np.nan).max() or 4.0)) if len(data) else 4.0
    data = data.assign(
        low=data["low"].clip(lower=0.1),
        high=data["high"].clip(upper=top),
        verdict=np.where(
            (data["q_value"] < 0.05) & (data["low"] > 1), "beyond chance (q < .05)", "may be chance"
        ),
    )
    x = alt.X(
        "low:Q",
        title="times as often as elsewhere",
        scale=alt.Scale(type="log", domain=[0.1, top], clamp=True),
    )
    y = alt.Y(
        "cluster:N",
        sort=data["cluster"].tolist(),
        title=None,
        axis=alt.Axis(labelLimit=340, ticks=False, domain=False),
    )
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=["beyond chance (q < .05)", "may be chance"], range=[ORANGE, BLUE]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    tooltip: list[Any] = [
        "cluster",
        *(alt.Tooltip(f"{f}:Q", format=".2f") for f in ("lift", "low", "high", "q_value")),
    ]
    base = alt.Chart(data).encode(y=y, color=colour, tooltip=tooltip)
    line = alt.Chart(pd.DataFrame({"one": [1.0]})).mark_rule(color=INK, strokeDash=[3, 3]).encode(x="one:Q")
    chart = alt.layer(
        line,
        base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q"),
        base.mark_point(filled=True, size=60).encode(x="lift:Q"),
    ).properties(width=340, height=alt.Step(24))
    return _styled(
        chart,
        f"Lift of “{plain(signal, 40)}” in each cluster",
        "Lines: 95% intervals; dashed: as often as elsewhere",
    )


def _styled(chart: Any, title: str, subtitle: str) -> Any:
    """The look that all charts share: it holds in light and dark."""
    styled = (
        chart.properties(
            title={"text": title, "subtitle": subtitle, "anchor": "start"}, background="transparent"
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            titleFontWeight="normal",
            gridColor=FAINT,
            domainColor=FAINT,
            tickColor=FAINT,
        )
        .configure_legend(labelColor=INK, titleColor=INK, titleFontWeight="normal")
        .configure_title(color=INK, subtitleColor=INK, fontSize=14, subtitleFontSize=11, offset=12)
    )
    kind: Any = type(styled)
    object.__setattr__(styled, "__class__", _offline(kind))  # set plainly, it would land in the specification
    return styled


@cache
def _offline(kind: Any) -> Any:
    """A chart class that the front end's own Vega draws; Altair's default renderer loads one from a CDN.

    JupyterLab and Notebook draw Vega-Lite 5, which these charts keep to; Altair writes a later version's name
    into its specifications. A renderer that the user has chosen stays in force.
    """
    import altair as alt

    def show(self: Any, *args: Any, **kwds: Any) -> Any:
        if alt.renderers.active != "default":
            return kind._repr_mimebundle_(self, *args, **kwds)
        drawn = self.to_dict() | {"$schema": "https://vega.github.io/schema/vega-lite/v5.json"}
        return {"application/vnd.vegalite.v5+json": drawn, "text/plain": f"<altair.{kind.__name__}>"}

    return type(kind.__name__, (kind,), {"_repr_mimebundle_": show})


def _wilson(count: np.ndarray, total: np.ndarray, *, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        share = count / total
        middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
        half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return middle - half, middle + half


def coverage_map(coverage: Coverage, *, random_state: int = 0) -> alt.Chart:
    """Production's inputs on a map: which have an example near, which have none, and the examples themselves.

    Parameters
    ----------
    coverage : Coverage
        From ``golden.coverage(traces)``.
    random_state : int
        Which traces are drawn when there are more than ``DRAWN``, and the map.
    """
    import altair as alt

    from failscope.surface.neighbors import nearest_neighbors
    from failscope.surface.projection import project

    rows = np.flatnonzero(~coverage.points["own"].to_numpy())
    rows = rows[np.argsort(coverage.points.index.to_numpy(dtype=object)[rows].astype(str), kind="stable")]
    examples = len(coverage.example_vectors)
    room = max(DRAWN - examples, 1)
    of = len(rows)
    if of > room:
        rows = np.sort(np.random.default_rng(random_state).choice(rows, room, replace=False))
    X = np.concatenate([coverage.vectors[rows], coverage.example_vectors])
    near = nearest_neighbors(X, 15, zero_is_blank=False)
    xy = project(X, near, projector="pacmap", random_state=random_state)
    points = coverage.points.iloc[rows]
    kinds = ["covered", "not covered", "golden example"]
    asked = coverage.inputs.to_numpy(dtype=object)[rows]
    data = pd.DataFrame(
        {
            "x": xy[:, 0],
            "y": xy[:, 1],
            "what": [
                *np.where(points["covered"].to_numpy(), kinds[0], kinds[1]),
                *([kinds[2]] * examples),
            ],
            "id": [*points.index.astype(str), *coverage.examples.index.astype(str)],
            "topic": [plain(t, 60) for t in [*points["topic"], *coverage.examples["topic"]]],
            "input": [*(plain(str(text), 120) for text in asked), *([""] * examples)],
        }
    )
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=kinds, range=[BLUE, ORANGE, INK]),
        legend=alt.Legend(title=None, orient="bottom", symbolOpacity=1),
    )
    shape = alt.Shape("what:N", scale=alt.Scale(domain=kinds, range=["circle", "circle", "diamond"]))
    # room at the sides, so that no point and no name is cut
    reach = [alt.Scale(domain=_with_room(data[axis]), nice=False, zero=False) for axis in ("x", "y")]
    place: dict[str, Any] = {
        "x": alt.X("x:Q", axis=None, scale=reach[0]),
        "y": alt.Y("y:Q", axis=None, scale=reach[1]),
    }
    base = alt.Chart(data).encode(
        **place, color=colour, shape=shape, tooltip=["what", "id", "topic", "input"]
    )
    size = 22 if len(rows) < 2000 else 12
    traces = base.transform_filter(f"datum.what !== '{kinds[2]}'").mark_point(
        filled=True, size=size, opacity=0.7, strokeWidth=0
    )
    marks = base.transform_filter(f"datum.what === '{kinds[2]}'").mark_point(
        filled=False, size=70, strokeWidth=1.8, opacity=1
    )
    layers = [traces, marks, _gap_labels(coverage, data, place)]
    chart = alt.layer(*[layer for layer in layers if layer is not None]).properties(width=560, height=460)
    drawn = f"{len(rows):,} of {of:,} traces, drawn at random" if len(rows) < of else f"{of:,} traces"
    share = "–" if np.isnan(coverage.share) else f"{coverage.share:.0%}"
    return _styled(
        chart.interactive(),
        f"{share} of production is covered",
        f"Inputs of {drawn}; near is alike, axes have no unit; the three largest gaps are named",
    )


def _gap_labels(coverage: Coverage, data: pd.DataFrame, place: dict[str, Any]) -> Any:
    """The names of the largest gaps, each in the midst of its uncovered traces."""
    import altair as alt

    labels = []
    for name in coverage.gaps["name"].head(3):
        inside = data[(data["topic"] == plain(name, 60)) & (data["what"] == "not covered")]
        if len(inside):
            middle = inside[["x", "y"]].median()
            labels.append({"x": middle["x"], "y": middle["y"], "label": plain(name, 40)})
    if not labels:
        return None
    low, high = _with_room(data["x"])
    sides: dict[Any, list[dict[str, Any]]] = {"left": [], "center": [], "right": []}
    for label in labels:
        at = (label["x"] - low) / (high - low)
        sides["left" if at < 0.25 else "right" if at > 0.75 else "center"].append(label)
    # white in a dark outline is read over points of any colour, on a light page and on a dark one
    outline: dict[str, Any] = {"stroke": "#333", "strokeWidth": 4, "strokeJoin": "round"}
    drawn = [
        alt.Chart(pd.DataFrame(rows))
        .mark_text(
            align=side,
            dx={"left": -14, "center": 0, "right": 14}[side],
            dy=-14,
            fontSize=12,
            fontWeight="bold",
            color="white",
            **around,
        )
        .encode(**place, text="label:N")
        for side, rows in sides.items()
        if rows
        for around in (outline, {})
    ]
    return alt.layer(*drawn)


def _with_room(values: pd.Series) -> list[float]:
    """The range of some values and a little more."""
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 1.0
    return [low - room, high + room]
