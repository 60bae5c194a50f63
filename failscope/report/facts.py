"""A review in figures and plain sentences: hides in which order they are asked for, and what is said where one is missing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from failscope.report.sentences import reading_says, share_says
from failscope.report.words import NAME, REASON, Texts, count, day, listed, percent
from failscope.review.assisted import ANY_FAILURE
from failscope.review.events import REVIEW_STARTED, Event
from failscope.review.modes import FailureMode, registry
from failscope.review.saturation import ENOUGH
from failscope.review.session import Session

FEW = 3
"""With fewer random reads the share in a group is not shown: its interval is nearly everything."""

MOST_OF_A_WEEK = 0.1
"""Where traces came over from earlier weeks, a calendar week is this review's when this share of its traces is of it."""


@dataclass(frozen=True, eq=False)
class Facts:
    """What one review says, section by section; every figure is the session's own.

    Attributes
    ----------
    session : Session
    earlier : tuple of Session
        The reviews before it, oldest first.
    texts : Texts
        What makes texts fit to be shown.
    """

    session: Session
    earlier: tuple[Session, ...]
    texts: Texts

    # what several sections need ------------------------------------------------------------------------------

    @cached_property
    def events(self) -> list[Event]:
        """The whole log."""
        return self.session.log.read()

    @cached_property
    def span(self) -> tuple[int, int]:
        """The places in the log between which this review was the newest: its begin and the next one's."""
        begins: dict[str, int] = {}
        for event in self.events:
            if event.kind == REVIEW_STARTED:
                begins.setdefault(event.session, event.seq)
        begun = begins.get(self.session.name, 0)
        after = [seq for seq in begins.values() if seq > begun]
        return begun, min(after, default=self.events[-1].seq + 1 if self.events else 1)

    @cached_property
    def marks(self) -> pd.DataFrame:
        """``session.marks()``."""
        return self.session.marks()

    @cached_property
    def read(self) -> dict[str, list[str]]:
        """Trace -> its failure modes, of those that were read."""
        held = self.marks[self.marks["read"]]
        return {str(i): list(modes) for i, modes in held["failure_modes"].items()}

    @cached_property
    def of_mode(self) -> dict[str, list[str]]:
        """Failure mode -> the traces of this review that were read and have it, most met first."""
        met: dict[str, list[str]] = {}
        for trace_id, modes in self.read.items():
            for mode in modes:
                met.setdefault(mode, []).append(trace_id)
        return dict(sorted(met.items(), key=lambda item: (-len(item[1]), item[0])))

    @cached_property
    def registry(self) -> dict[str, FailureMode]:
        """Every failure mode as it stands, with what was said of it."""
        when = self.session.traces.frame["timestamp"]
        return registry(self.events, members=self.of_mode, when=when)

    @cached_property
    def prevalence(self) -> pd.DataFrame:
        """``session.prevalence()``."""
        return self.session.prevalence()

    @cached_property
    def agreed(self) -> pd.DataFrame:
        """``session.agreement().frame``."""
        return self.session.agreement().frame

    @cached_property
    def curve(self) -> pd.DataFrame:
        """``session.saturation()``."""
        return self.session.saturation()

    @cached_property
    def when(self) -> pd.Series:
        """When the review's traces are of, by trace; without those that came over from earlier weeks."""
        carried = list(self.session.plan.params.get("carried", ()))
        times = self.session.traces.frame["timestamp"].drop(carried, errors="ignore").dropna()
        if not carried:
            return times
        # some that came over were drawn or read since: they are few, and of a week that this review is not of
        week = times.dt.strftime("%G-W%V")
        return times[week.map(week.value_counts(normalize=True)) >= MOST_OF_A_WEEK]

    @cached_property
    def period(self) -> tuple[str, str]:
        """The first and the last day of those traces."""
        return day(self.when.min()), day(self.when.max())

    def severity(self, mode: str) -> str:
        """How bad it is: as the registry says, else as the rubric does, "" where neither."""
        said = self.registry[mode].severity if mode in self.registry else ""
        rubric = self.session.rubric
        return said or (rubric.severity_of(mode) if rubric is not None else "") or ""

    def dimension(self, key: str) -> str:
        """A dimension's name in the rubric; what is none stays as it is."""
        rubric = self.session.rubric
        return next((d.name for d in rubric.dimensions if d.key == key), key) if rubric is not None else key

    # sections ------------------------------------------------------------------------------------------------

    def reading(self) -> dict[str, Any]:
        """What was read and how it was chosen."""
        session, plan = self.session, self.session.plan
        params, done = plan.params, session.progress()
        drawn = set(plan.sample()["trace_id"])
        planned = set(plan.frame["trace_id"])
        carried = set(params.get("carried", ()))
        kinds = {
            "drawn at random": sum(i in drawn for i in self.read),
            "left unread last week": sum(i in carried - drawn for i in self.read),
            "chosen when the plan was made": sum(i in planned - drawn - carried for i in self.read),
            "chosen later, by the plan or by a reviewer": sum(i not in planned for i in self.read),
        }
        people = [
            {
                "reviewer": self.texts(who, NAME),
                "read": int(row.read),
                "left": int(row.left),
                "due": int(row.due),
                "seconds": row.seconds,
            }
            for who, row in zip(done.index, done.itertuples(), strict=True)
        ]
        facts = {
            "budget": params["budget"],
            "planned": len(plan),
            "population": params["population"],
            "strategy": params["strategy"],
            "random_state": params["random_state"],
            "random": len(drawn),
            "random_counted": int(self.prevalence.loc[ANY_FAILURE, "of"]),
            "carried": len(carried),
            "reviewed_before": len(params.get("reviewed", ())),
            "edge_cases": params.get("edges", 0),
            "read": len(self.read),
            "read_by_two": int(self.agreed.loc[ANY_FAILURE, "traces"]) if len(self.agreed) else 0,
            "overlap": session.overlap,
            "blind": session.blind,
            "kinds": {k: n for k, n in kinds.items() if n},
            "reviewers": people,
        }
        return {"says": reading_says(facts), **facts}

    def shares(self) -> dict[str, Any]:
        """How common each failure mode is, the naive share beside it, and what earlier reviews gave."""
        past = [(s.name, s.prevalence(assisted=False)) for s in self.earlier]
        rows = []
        for mode, row in self.prevalence.iterrows():
            points = [(name, frame.loc[mode] if mode in frame.index else None) for name, frame in past]
            rows.append(
                {
                    "name": self.texts(mode, NAME),
                    "severity": "" if mode == ANY_FAILURE else self.severity(str(mode)),
                    "traces": sum(map(bool, self.read.values()))
                    if mode == ANY_FAILURE
                    else len(self.of_mode.get(str(mode), ())),
                    **{c: row[c] for c in self.prevalence.columns},
                    "trend": [
                        *(
                            self._point(name, frame, met)
                            for (name, met), (_, frame) in zip(points, past, strict=True)
                        ),
                        self._point(self.session.name, self.prevalence, row),
                    ],
                }
            )
        first, rest = rows[0], rows[1:]
        rest.sort(key=lambda r: (-r["traces"], r["name"]))
        clusters = self.session.by_cluster()
        told = clusters[clusters["of"] > 0].sort_values(["of", "size"], ascending=False, kind="stable")
        found = self.session.clustering
        return {
            "says": share_says(first, self.session.plan.params["strategy"]),
            "modes": [first, *rest],
            "reviews": [self.texts(s.name, NAME) for s in (*self.earlier, self.session)],
            "clusters": [
                {
                    "cluster": int(c),
                    "name": self.texts(_named(found, int(c)), NAME),
                    "shown": row["of"] >= FEW,
                    **row,
                }
                for c, row in zip(told.index, told.to_dict("records"), strict=True)
            ],
            "few": FEW,
            "clusters_silent": int((clusters["of"] < FEW).sum()),
            "scores": self._scores(),
        }

    def _point(self, review: str, frame: pd.DataFrame, row: pd.Series | None) -> dict[str, Any]:
        """One review's share of a mode; a mode that it did not meet has no hit among its random reads."""
        out = {"review": self.texts(review, NAME), "of": int(frame["of"].iloc[0])}
        if row is None:
            return {**out, "estimate": None, "low": None, "high": None, "count": 0, "met": False}
        return {**out, **{c: row[c] for c in ("estimate", "low", "high", "count")}, "met": True}

    def _scores(self) -> dict[str, Any]:
        rubric = self.session.rubric
        if rubric is None:
            return {"says": "This review has no rubric, so nothing was scored.", "rows": []}
        frame = self.session.scores()
        ends = {d.key: (d.name, float(d.scale[0].score), float(d.scale[-1].score)) for d in rubric.dimensions}
        rows = [
            dict(
                zip(("name", "lowest", "highest"), ends[str(key)], strict=True),
                dimension=str(key),
                **row,
            )
            for key, row in zip(frame.index, frame.to_dict("records"), strict=True)
            if row["of"]
        ]
        silent = [ends[str(key)][0] for key in frame.index[frame["of"] == 0]]
        says = (
            f"Scores are by the rubric “{rubric.name}”; means are over the random reads that were given one."
        )
        if silent:
            says += f" Not judged in any random read: {listed(silent)}."
        return {"says": says, "rows": rows}

    def agreement(self) -> dict[str, Any]:
        """How far people agree, per failure mode and dimension."""
        rows = [
            {"name": self.texts(self.dimension(name) if row["kind"] == "dimension" else name, NAME), **row}
            for name, row in zip(self.agreed.index, self.agreed.to_dict("records"), strict=True)
        ]
        both = rows[0]["traces"] if rows else 0
        says = (
            f"Told from the {count(both, 'trace')} that two or more people read; what was settled afterwards changes nothing here."
            if both
            else "Nobody read what another had read, so nothing is known of how far people agree."
        )
        return {"says": says, "rows": rows if both else []}

    def differences(self) -> dict[str, Any]:
        """Where people differed, and what was decided."""
        frame = self.session.disagreements()
        rows: list[dict[str, Any]] = [
            {
                "trace_id": str(i),
                "said": {
                    self.texts(w, NAME): [self.texts(m, NAME) for m in ms] for w, ms in row["said"].items()
                },
                "scores": {
                    self.dimension(d): {self.texts(w, NAME): v for w, v in given.items()}
                    for d, given in row["scores"].items()
                },
                "differ": [self.texts(self.dimension(d), NAME) for d in row["differ"]],
                "settled": bool(row["settled"]),
                "failure_modes": [self.texts(m, NAME) for m in row["failure_modes"]]
                if row["settled"]
                else None,
                "reason": self.texts(row["reason"], REASON) if row["settled"] else None,
                "by": self.texts(row["by"], NAME) if row["settled"] else None,
            }
            for i, row in frame.sort_values("settled", ascending=False, kind="stable").iterrows()
        ]
        settled = sum(r["settled"] for r in rows)
        says = f"People differed on {count(len(rows), 'trace')}; {settled:,} settled, {len(rows) - settled:,} open."
        if not rows:
            says = "People differed on no trace."
        return {"says": says, "settled": settled, "open": len(rows) - settled, "rows": rows}

    def enough(self) -> dict[str, Any]:
        """The stop rule and the curve behind it."""
        columns = ["read", "modes", "new_high", "sampled", "enough"]
        curve = self.curve[columns].to_dict("records")
        if not curve:
            return {
                "says": "Nothing was read yet.",
                "enough": False,
                "below": ENOUGH,
                "curve": [],
                "last": None,
            }
        last = self.curve.iloc[-1].to_dict()
        at = next((r["read"] for r in curve if r["enough"]), None)
        says = (
            f"{count(int(last['modes']), 'failure mode')} met in {count(int(last['read']), 'read')}. "
            f"Of further random traces at most {percent(last['new_high'])} show a failure mode that the random reads have not met; "
            f"it is enough when that was at most {percent(ENOUGH)} for five random reads in a row. "
        )
        if last["enough"]:
            says += f"That holds: enough was read this week{f', from read {at:,} on' if at != last['read'] else ''}."
        elif not last["sampled"]:
            says += "No random read counts yet, so nothing can be said."
        else:
            says += "Not enough yet."
        return {
            "says": says,
            "enough": bool(last["enough"]),
            "at": at,
            "below": ENOUGH,
            "curve": curve,
            "last": last,
        }


def _named(found: Any, cluster: int) -> str:
    return str(found.name(cluster)) if cluster >= 0 else "in no group"
