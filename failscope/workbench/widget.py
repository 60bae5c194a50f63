"""The Python half of the workbench: it answers what the page asks, and hides the wire between the two.

Traits carry a few small settings. Everything else is a custom message. The page asks with
``{"id", "ask", ...}`` and gets exactly one answer, ``{"id", "ok", ...}`` or ``{"id", "error"}``:

========================  ==========================================  =======================================
ask                       with                                        answer
========================  ==========================================  =======================================
``hello``                                                             title, clusters, colour choices, plan;
                                                                      buffers: xy float32, labels int32
``queue``                                                             the plan in the order that holds now
``color``                 ``by``                                      legend; buffer: one byte a point
``state``                 ``since`` (a revision)                      failure modes, cluster tags, progress of all,
                                                                      whether the review is blind;
                                                                      buffer: one byte a point, 1 = read
``card``, ``trace``       ``row``                                     first words; all that the pane shows
``more``                  ``row, part, start``                        the next piece of a long text
``nearest``               ``row``                                     the nearest passing answer
``suggest``               ``row``                                     failure modes with their confidence
``more_like``             ``row`` or ``failure_mode``, ``n``;         reasons; buffer: rows uint32, nearest
                          or buffer: rows uint32                      first
``lasso``                 buffer: rows uint32                         how many, in which clusters
``annotate``              ``row``, what is said, ``suggested``        the mark that now holds
``tag_cluster``           ``cluster, failure_mode``                   the revision
``tag_traces``            ``failure_mode``; buffer: rows uint32       the revision
``propose``               ``row, golden, reason``                     the revision
``undo``                                                              what was taken back
``team``                                                              new failure modes, whether enough was read,
                                                                      counts of differences, notes, cases to keep
``rubric``                                                            dimensions with their anchored points
``disagreements``                                                     who said what, not settled ones first
``settle``                ``row, failure_modes, reason``              the decision, how many are left
``notes``                                                             groups of notes that say the same
``code``                  ``failure_mode``; buffer: rows uint32       how many
``keep``                                                              reasons; buffer: rows uint32 to propose
``reveal``                                                            the revision
``away``                  ``reviewer, away``                          the revision
========================  ==========================================  =======================================

The last nine are in ``team``. While a review is blind no answer holds anything that others said: see ``sight``. What is
asked at a curator's desk is in ``desk``.

Python tells without being asked with ``{"push": "open" | "select" | "walk" | "color" | "state", ...}``. A row is a
place in ``found.trace_ids``, fixed for the life of one widget; everything that is kept is kept by ``trace_id``.
``src/protocol.ts`` has the same table as types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self, cast

import anywidget
import numpy as np
import pandas as pd
import traitlets

from failscope.errors import ArgumentError, FailscopeError, NotFoundError
from failscope.golden.desk import Desk
from failscope.review.session import Session
from failscope.surface.clustering import Clustering
from failscope.workbench.asked import asked_row, asked_rows
from failscope.workbench.encode import color_codes, color_options, plain
from failscope.workbench.guide import Guide, walk
from failscope.workbench.reading import Reader
from failscope.workbench.saved import static_summary
from failscope.workbench.sight import Sight
from failscope.workbench.team import Team

_STATIC = Path(__file__).parent / "static"
_WALK = 20


class Workbench(anywidget.AnyWidget):
    """Read, tag and propose traces in the notebook; all of it is kept by the session, none by the widget.

    Parameters
    ----------
    session : Session, Clustering or Desk
        A review to work on; a clustering to look at only, since tags need a review to belong to; or a curator's desk
        (``ws.desk("refunds")``), which has a face of its own, see ``failscope.workbench.desk``.
    reviewer : str, optional
        Who reads; may be left out when the session has one reviewer. At a desk: who looks, anybody's name.
    height : int
        In pixels.

    Raises
    ------
    ArgumentError
        The reviewer is not one of the session's, or is not named although there are several.

    Notes
    -----
    What the buttons do has a call of the same name on the session (``annotate``, ``tag_cluster``,
    ``tag_traces``, ``propose``, ``undo``, ``queue``, ``suggestions``, ``more_like``, ``disagreements``, ``settle``,
    ``note_groups``, ``code``, ``reveal``, ``away``). The widget adds ``open``, ``select``, ``selected``, ``walk`` and
    ``color``.

    Examples
    --------
    >>> fs.Workbench(session, reviewer="ana")  # doctest: +SKIP
    """

    _esm = _STATIC / "workbench.js"
    _css = _STATIC / "workbench.css"

    height = traitlets.Int(720, help="Height of the workbench in pixels, 360 to 2400.").tag(sync=True)

    def __new__(cls, session: Session | Clustering | Desk, **kwargs: Any) -> Self:
        """A desk has a face of its own."""
        if isinstance(session, Desk):
            from failscope.workbench.desk import DeskWorkbench

            return cast(Self, super().__new__(DeskWorkbench, session, **kwargs))
        return super().__new__(cls, session, **kwargs)

    def __init__(
        self, session: Session | Clustering | Desk, *, reviewer: str | None = None, height: int = 720
    ) -> None:
        self._begin(session, reviewer)
        super().__init__(height=height)
        self.on_msg(self._answer)

    def _begin(self, session: Session | Clustering | Desk, reviewer: str | None) -> None:
        assert not isinstance(session, Desk)  # that is another class
        self._session = None if isinstance(session, Clustering) else session
        who = _reviewer(session, reviewer)
        self._found: Clustering = session if isinstance(session, Clustering) else session.clustering
        self._reader = Reader(self._found)
        self._ids = self._found.trace_ids
        self._row = {trace_id: row for row, trace_id in enumerate(self._ids)}
        self._sight = Sight(self._session, who) if self._session and who else None
        self._guide = (
            Guide(self._session, self._sight, rows=self._row) if self._session and self._sight else None
        )
        self._team = (
            Team(self._session, self._sight, rows=self._row) if self._session and self._sight else None
        )
        self._summary = self._found.summary()
        self._selected = np.empty(0, dtype=np.uint32)
        self._by = "cluster"
        self._focus: int | None = None

    # what a notebook calls -------------------------------------------------------------------------------------

    @property
    def reviewer(self) -> str | None:
        """Who reads; None when a clustering is only looked at."""
        return self._sight.reviewer if self._sight else None

    @property
    def selected(self) -> list[str]:
        """The trace ids inside the lasso or of the last ``select``; empty when nothing is selected."""
        return self._ids[self._selected].tolist()

    def open(self, trace_id: str | None = None) -> None:
        """Show one trace in the reading pane.

        Without an argument it is ipywidgets' own ``open``, which connects the widget to the page.
        """
        if trace_id is None:
            super().open()
            return
        self._focus = self._rows([trace_id])[0]
        self._push({"push": "open", "row": self._focus})

    def select(self, trace_ids: Iterable[str]) -> None:
        """Select traces, as a lasso does; an empty list clears the selection."""
        self._selected = np.array(self._rows(trace_ids), dtype=np.uint32)
        self._push({"push": "select"}, self._selected)

    def walk(self, more: pd.DataFrame | Iterable[str], *, says: str = "chosen in Python") -> None:
        """Go through some traces in this order, and back to the plan afterwards.

        Parameters
        ----------
        more : pandas.DataFrame or iterable of str
            What ``session.more_like`` or ``session.suggestions`` gave, whose reasons are shown; or trace ids.
        says : str
            What they are, in a few words.
        """
        ids = list(dict.fromkeys(more.index if isinstance(more, pd.DataFrame) else more))
        if not ids:
            raise ArgumentError("no traces to go through; give at least one trace_id")
        self._rows(ids)
        if isinstance(more, pd.DataFrame):
            more = more[~more.index.duplicated()]
            body, rows = walk(more, says=says, rows=self._row)
        else:
            body, rows = walk(ids, says=says, rows=self._row)
        self._push({"push": "walk", **body}, rows)

    def color(self, by: str) -> None:
        """Colour the map by ``"cluster"``, ``"tag"``, ``"week"``, ``"model"``, ``"signal:<name>"``, ``"behaviour:<name>"`` ..."""
        known = [option["by"] for option in self._options()]
        if by not in known:
            raise ArgumentError(f"cannot colour by {by!r}; choose one of {', '.join(map(repr, known))}")
        self._by = by
        self._push({"push": "color", "by": by})

    # what is saved in the notebook -----------------------------------------------------------------------------

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": repr(self), "text/html": self._static_html()}, metadata

    def _ipython_display_(self, **kwargs: Any) -> None:
        # A front end that trusts the notebook prefers the view to the HTML of the same output, and without a
        # kernel shows only "model not found". So the summary is an output of its own, before the view; the
        # live view hides it, and the summary hides a view that found no model.
        from IPython.display import display

        data, metadata = self._repr_mimebundle_(**kwargs)
        display({"text/html": data["text/html"], "text/plain": data["text/plain"]}, raw=True)  # type: ignore[no-untyped-call]
        display({k: v for k, v in data.items() if k != "text/html"}, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"<Workbench {self._title()} · {len(self._ids):,} traces>"

    def _title(self) -> str:
        return (
            f"{self._session.name} · {self.reviewer}"
            if self._session
            else f"{self._found.view} view, looking only"
        )

    def _static_html(self) -> str:
        return static_summary(self._found, self._session, said=repr(self)[1:-1])

    # the wire --------------------------------------------------------------------------------------------------

    def _push(self, content: dict[str, Any], *buffers: np.ndarray) -> None:
        self.send(plain(content), [b.tobytes() for b in buffers if len(b)])

    def _answer(self, _: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        reply: dict[str, Any] = {"id": content.get("id")}
        out: list[np.ndarray] = []
        try:
            body, *out = self._handler(content.get("ask"))(content, buffers)
            reply |= {"ok": True, **body}
        except FailscopeError as error:
            reply |= {"error": str(error)}
        except Exception as error:  # noqa: BLE001  a page that waits must be told, whatever went wrong
            reply |= {"error": f"{type(error).__name__}: {error}"}
        self._push(reply, *out)

    def _handler(self, ask: Any) -> Callable[[dict, list], tuple]:
        owner: object = self
        name = f"_ask_{ask}"
        if isinstance(ask, str) and hasattr(Team, f"ask_{ask}"):
            self._writing()
            owner, name = self._team, f"ask_{ask}"
        handler: Callable[[dict, list], tuple] | None = getattr(owner, name, None)
        if handler is None or not isinstance(ask, str):
            raise ArgumentError(
                f"the page asked {ask!r}, which this failscope does not know; run the cell again"
            )
        return handler

    def _ask_hello(self, content: dict, buffers: list) -> tuple:
        order = self._guide.order() if self._guide else self._typical()
        body = {
            "title": self._title(),
            "looking": self._session is None,
            "reviewer": self.reviewer,
            "n": len(self._ids),
            "clusters": [self._cluster(int(c)) for c in self._summary.index],
            "noise": int((self._found.labels == -1).sum()),
            "lift_of": "bad signals" if self._found.traces.signals else "hints of a failure",
            "note": self._found.note,
            "colors": self._options(),
            "by": self._by,
            **order,
            "open": self._focus,
        }
        xy = np.asarray(self._found.xy, dtype=np.float32)
        return body, xy.ravel(), np.asarray(self._found.labels, dtype=np.int32), self._selected

    def _ask_queue(self, content: dict, buffers: list) -> tuple:
        self._writing()
        return (self._guide.order() if self._guide else self._typical(),)

    def _ask_color(self, content: dict, buffers: list) -> tuple:
        by = content["by"]
        tags = None
        if self._session:
            tags = {self._row[i]: m for i, m in self._marks()["failure_modes"].items()}
        modes = self._sight.modes() if self._sight else []
        meta, codes = color_codes(self._found, by, order=self._summary.index.tolist(), tags=tags, modes=modes)
        self._by = by
        return meta, codes

    def _ask_state(self, content: dict, buffers: list) -> tuple:
        if self._session is None or self._sight is None or self._team is None or self._guide is None:
            return {
                "revision": 0,
                "changed": content.get("since") != 0,
                "modes": [],
                "tags": {},
            }, self._bytes([])
        revision = self._session.revision
        if revision == content.get("since"):
            return ({"revision": revision, "changed": False},)
        marks = self._marks()
        rubric = self._session.rubric
        body = {
            "revision": revision,
            "changed": True,
            "modes": self._sight.modes(),
            "tags": self._sight.tags(),
            "people": self._team.people(),
            "blind": self._sight.blind,
            "rubric": rubric.version if rubric else "",
            "goldens": sorted(set(self._sight.proposals()["golden"])),
            "batches": self._guide.batches,
        }
        return body, self._bytes([self._row[i] for i in marks.index[marks["read"].astype(bool)]])

    def _ask_card(self, content: dict, buffers: list) -> tuple:
        return (self._reader.card(self._at(content)),)

    def _ask_trace(self, content: dict, buffers: list) -> tuple:
        row = self._at(content)
        of_review: dict[str, Any] = {"mark": self._mark(row), "proposed": self._proposed(row)}
        if self._guide and self._sight:
            trace_id = str(self._ids[row])
            of_review |= {
                "alike": self._guide.alike(trace_id),
                "second": self._sight.second(trace_id),
                "decision": self._sight.decision(trace_id),
            }
        return ({**self._reader.trace(row), **of_review},)

    def _ask_more(self, content: dict, buffers: list) -> tuple:
        return (self._reader.more(self._at(content), content["part"], int(content["start"])),)

    def _ask_nearest(self, content: dict, buffers: list) -> tuple:
        # anyone's word counts here: a trace that a colleague tagged is no example of a passing answer
        fine, failing = self._sight.judged() if self._sight else ([], [])
        return (self._reader.nearest_passing(self._at(content), fine=fine, failing=failing),)

    def _ask_suggest(self, content: dict, buffers: list) -> tuple:
        row = self._at(content)
        self._writing()
        said = self._guide.suggest(self._ids[row]) if self._guide else {"ready": True, "suggested": []}
        return ({"row": row, **said},)

    def _ask_more_like(self, content: dict, buffers: list) -> tuple:
        self._writing()
        if content.get("failure_mode"):
            like = content["failure_mode"]
        elif buffers:
            like = self._ids[asked_rows(buffers, len(self._ids))].tolist()
        else:
            like = [self._ids[self._at(content)]]
        assert self._guide is not None  # there is a session
        return self._guide.more_like(like, n=_WALK)

    def _ask_lasso(self, content: dict, buffers: list) -> tuple:
        rows = asked_rows(buffers, len(self._ids))
        self._selected = rows
        clusters, counts = np.unique(np.asarray(self._found.labels)[rows], return_counts=True)
        inside = sorted(
            zip(clusters.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])
        )
        return ({"n": len(rows), "clusters": inside},)

    def _ask_annotate(self, content: dict, buffers: list) -> tuple:
        row = self._at(content)
        said = {
            k: content[k]
            for k in ("failure_modes", "scores", "note", "expected_output", "suggested")
            if content.get(k) is not None
        }
        session = self._writing()
        session.annotate(self._ids[row], reviewer=self.reviewer, **said)
        return ({"row": row, "mark": self._mark(row), "revision": session.revision},)

    def _ask_tag_cluster(self, content: dict, buffers: list) -> tuple:
        session = self._writing()
        session.tag_cluster(int(content["cluster"]), content["failure_mode"], reviewer=self.reviewer)
        return ({"revision": session.revision},)

    def _ask_tag_traces(self, content: dict, buffers: list) -> tuple:
        session = self._writing()
        rows = asked_rows(buffers, len(self._ids))
        session.tag_traces(self._ids[rows].tolist(), content["failure_mode"], reviewer=self.reviewer)
        return ({"n": len(rows), "revision": session.revision},)

    def _ask_propose(self, content: dict, buffers: list) -> tuple:
        row = self._at(content)
        session = self._writing()
        session.propose(
            content["golden"], [self._ids[row]], reviewer=self.reviewer, reason=content.get("reason") or ""
        )
        return ({"row": row, "proposed": self._proposed(row), "revision": session.revision},)

    def _ask_undo(self, content: dict, buffers: list) -> tuple:
        session = self._writing()
        return ({"said": session.undo(reviewer=self.reviewer), "revision": session.revision},)

    # ---------------------------------------------------------------------------------------------------------------

    def _writing(self) -> Session:
        if self._session is None:
            raise ArgumentError(
                "a clustering is only looked at here; start a review to tag: ws.start_review(name, plan, reviewers=[...])"
            )
        return self._session

    def _options(self) -> list[dict[str, str]]:
        return color_options(self._found, reviewing=self._session is not None)

    def _typical(self) -> dict[str, Any]:
        """What there is to read where nothing was planned."""
        clusters = [int(c) for c in self._summary.index if c >= 0]
        rows = [self._row[i] for c in clusters for i in self._found.exemplars(c, 3)]
        return {"plan": rows, "reasons": ["typical of its cluster"] * len(rows), "batches": 0, "reads": 0}

    def _cluster(self, cluster: int) -> dict[str, Any]:
        row = self._summary.loc[cluster]
        keys = (
            "name",
            "size",
            "share",
            "lift",
            "lift_low",
            "lift_high",
            "q_value",
            "bad_rate",
            "stability",
            "sets_apart",
        )
        phrases = row.get("key_phrases", "")
        phrases = phrases.split(", ") if isinstance(phrases, str) else list(phrases)
        trend = row.get("trend")
        return {
            "cluster": cluster,
            **{k: row.get(k) for k in keys},
            "phrases": [p for p in phrases if p],
            "trend": [] if trend is None or isinstance(trend, float) else list(trend),
            "new": bool(row.get("new", False)),
        }

    def _marks(self) -> pd.DataFrame:
        return self._writing().marks(reviewer=self.reviewer)

    def _mark(self, row: int) -> dict[str, Any] | None:
        if self._session is None:
            return None
        mark = self._session.mark(self._ids[row], reviewer=self.reviewer)
        return {k: mark[k] for k in ("failure_modes", "scores", "note", "expected_output", "read")}

    def _proposed(self, row: int) -> list[str]:
        if self._sight is None:
            return []
        said = self._sight.proposals()
        return sorted(set(said.loc[said["trace_id"] == self._ids[row], "golden"]))

    def _bytes(self, rows: list[int]) -> np.ndarray:
        out = np.zeros(len(self._ids), dtype=np.uint8)
        out[rows] = 1
        return out

    def _at(self, content: dict) -> int:
        return asked_row(content, len(self._ids))

    def _rows(self, trace_ids: Iterable[str]) -> list[int]:
        wanted = [trace_ids] if isinstance(trace_ids, str) else list(trace_ids)
        missing = [i for i in wanted if i not in self._row]
        if missing:
            raise NotFoundError(f"no trace {missing[0]!r} on this map; it has {len(self._ids):,} traces")
        return [self._row[i] for i in wanted]


def _reviewer(session: Session | Clustering, reviewer: str | None) -> str | None:
    if isinstance(session, Clustering):
        if reviewer is not None:
            raise ArgumentError(
                f"reviewer={reviewer!r} needs a session; a clustering is only looked at: fs.Workbench(session, reviewer={reviewer!r})"
            )
        return None
    known = tuple(session.reviewers)
    if reviewer is None and len(known) == 1:
        return known[0]
    if reviewer not in known:
        said = "no reviewer was named" if reviewer is None else f"reviewer={reviewer!r} is not in this review"
        raise ArgumentError(
            f"{said}; its reviewers are {', '.join(map(repr, known))}; pass reviewer={known[0]!r}"
        )
    return reviewer
