"""One review as a page to send round: hides where its figures come from and how they become HTML and Markdown."""

from __future__ import annotations

import html
import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from failscope.errors import ArgumentError, FailscopeError, IntegrityError
from failscope.golden.dataset import GoldenSet
from failscope.report import findings, minutes
from failscope.report.facts import Facts
from failscope.report.pages import html_page, markdown_page
from failscope.report.words import NAME, Texts, between, count, jsonable, minute, percent
from failscope.review.session import Session
from failscope.surface.clustering import Clustering
from failscope.traces.masking import NOT_MASKED

FORMAT = "failscope report 1"
EARLIER = 7
"""Reviews before this one that the trend goes back to."""


class Source(Protocol):
    """Where a report looks for what a review itself does not hold; a workspace is one."""

    def clusterings(self) -> pd.DataFrame:
        """What was saved: ``name, id, at``, newest first."""
        ...

    def clustering(self, name: str) -> Clustering:
        """One of them, by its id."""
        ...

    def golden_sets(self) -> list[str]:
        """The names of the golden sets."""
        ...

    def golden(self, name: str) -> GoldenSet:
        """The newest version of one."""
        ...

    def audit(self) -> Any:
        """The log as a chain, with ``verify()`` and ``head``."""
        ...


@dataclass(frozen=True, eq=False)
class Report:
    """What a review found, for those who were not there; ``ws.report("2026-W23")`` makes it.

    Attributes
    ----------
    data : dict
        Every figure and sentence of it, as JSON holds them.
    """

    data: Mapping[str, Any] = field(repr=False)

    @cached_property
    def html(self) -> str:
        """One file that needs nothing else: no script, no request; it opens from a mail and prints on A4."""
        return html_page(self.data)

    @cached_property
    def markdown(self) -> str:
        """The same facts for a chat or for git."""
        return markdown_page(self.data)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it, as HTML or Markdown by the suffix; whole or not at all.

        Raises
        ------
        ArgumentError
            The suffix is none of .html, .htm and .md, or the folder is not there.
        """
        target = Path(path)
        kinds = {".html": "html", ".htm": "html", ".md": "markdown"}
        if target.suffix.lower() not in kinds:
            raise ArgumentError(
                f"{target.name!r} ends with no known suffix; name it 'report.html' or 'report.md'"
            )
        content = self.html if kinds[target.suffix.lower()] == "html" else self.markdown
        half = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.half")
        try:
            with half.open("w", encoding="utf-8", newline="\n") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            half.replace(target)
        except OSError as error:
            raise ArgumentError(
                f"{target} cannot be written: {error.strerror}; choose another place"
            ) from error
        finally:
            with suppress(OSError):
                half.unlink()
        return target

    def __repr__(self) -> str:
        return f"<Report of {self.data['review']['name']!r} · {' · '.join(t['value'] + ' ' + t['name'] for t in self.data['headline']['tiles'])}>"

    def _repr_html_(self) -> str:
        review, lines = self.data["review"], self.data["headline"]["says"]
        said = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        return (
            f"<div><b>Report of {html.escape(review['name'])}</b> · {html.escape(review['from'])} to {html.escape(review['to'])}"
            f"<ul>{said}</ul>keep it with <code>.save('report.html')</code> or <code>.save('report.md')</code></div>"
        )


def make_report(sessions: Sequence[Session], *, source: Source, now: Any = None) -> Report:
    """The report of the last of these reviews.

    Parameters
    ----------
    sessions : sequence of Session
        The reviews up to this one, oldest first.
    source : Source
        The workspace.
    now : time, optional
        What the report says of when it was made. With the same log and the same ``now`` it has the same bytes.
    """
    session = sessions[-1]
    texts = Texts()
    facts = Facts(session, tuple(sessions[:-1])[-EARLIER:], texts)
    first, last = facts.period
    made = datetime.now(UTC) if now is None else _time(now)
    audit = source.audit()
    verdict = audit.verify()
    chain = {"events": verdict.events, "whole": bool(verdict), "says": verdict.says, "head": audit.head}
    data: dict[str, Any] = {
        "format": FORMAT,
        "review": {
            "name": texts(session.name, NAME),
            "workspace": texts(_place(audit.source), NAME),
            "from": first,
            "to": last,
            "traces": len(session.traces),
            "begun": minutes.begun_at(facts),
            "last_word": minutes.last_word(facts),
            "made": minute(made),
            "reviewers": [texts(who, NAME) for who in session.progress().index],
        },
        "reading": facts.reading(),
        "new": findings.news(facts, _weeks(facts, source)),
        "prevalence": facts.shares(),
        "agreement": facts.agreement(),
        "differences": facts.differences(),
        "costs": findings.costs(facts),
        "saturation": facts.enough(),
        "examples": findings.examples(facts),
        "decisions": minutes.decisions(facts),
        "golden": minutes.golden(facts, _golden_sets(source)),
        "next": minutes.ahead(facts),
        "method": minutes.method(facts, chain, minutes.rubrics_used(facts)),
    }
    data["headline"] = _headline(data)
    data["masked"] = {"counts": dict(sorted(texts.masked.items())), "not": NOT_MASKED}
    return Report(jsonable(data))


def _headline(data: Mapping[str, Any]) -> dict[str, Any]:
    """What to know when nothing else is read: a few figures, then as many sentences."""
    shares, reading, stop = data["prevalence"], data["reading"], data["saturation"]
    any_failure = shares["modes"][0]
    known = not pd.isna(any_failure["estimate"])
    met, new = len(shares["modes"]) - 1, len(data["new"]["modes"])
    tiles = [
        {
            "name": "of answers fail",
            "value": percent(any_failure["estimate"]) if known else "not known",
            "more": f"95%: {between(any_failure['low'], any_failure['high'])}"
            if known
            else "no random read counts yet",
        },
        {"name": "failure modes met", "value": f"{met:,}", "more": f"{new:,} never named before"},
        {
            "name": "traces read",
            "value": f"{reading['read']:,}",
            "more": f"of {data['review']['traces']:,}; {reading['read_by_two']:,} by two",
        },
        {"name": "enough read", "value": "yes" if stop["enough"] else "not yet", "more": "by the stop rule"},
        {
            "name": "proposed for golden sets",
            "value": f"{data['golden']['proposed']:,}",
            "more": f"{data['golden']['promoted']:,} promoted",
        },
    ]
    says = [shares["says"][0]]
    common = [r for r in shares["modes"][1:] if r["traces"]][:3]
    if common:
        named = ", ".join(f"{r['name']} ({count(r['traces'], 'trace')})" for r in common)
        says.append(f"Most met among what was read: {named}.")
    grave = [r["name"] for r in shares["modes"][1:] if r["severity"] == "critical"]
    if grave:
        says.append(f"Critical: {', '.join(grave)}.")
    says.append(data["new"]["says"][0])
    told = data["new"]["changes"][:2]
    says += [f"{c['what'].capitalize()}: {c['mode'] or c['name']}, {c['evidence']}." for c in told]
    if data["differences"]["rows"]:
        says.append(data["differences"]["says"])
    if not data["method"]["audit"]["whole"]:
        says.insert(
            0,
            f"The log was changed after it was written: {data['method']['audit']['says']}. Do not rely on these figures.",
        )
    return {"tiles": tiles, "says": says}


def _weeks(facts: Facts, source: Source) -> tuple[str, Clustering] | None:
    """The newest kept clustering of several weeks that holds this review's traces; else the review's own, if it is one.

    A week's own clustering is none once traces were carried over into it: those are no sample of their week.
    """
    mine = set(facts.session.clustering.trace_ids)
    begins = facts.period[0]
    for row in source.clusterings().itertuples():
        if row.name.startswith("review "):
            continue
        try:
            found = source.clustering(row.id)
        except FailscopeError:  # its traces or its file are gone; an older one may do
            continue
        when = found.traces.frame["timestamp"]
        if mine <= set(found.trace_ids) and (when < pd.Timestamp(begins, tz="UTC")).any():
            return str(row.name), found
    own = facts.session.clustering
    days = own.traces.frame["timestamp"].dropna()
    if facts.session.plan.params.get("carried") or days.dt.strftime("%G-W%V").nunique() < 2:
        return None
    return f"review {facts.session.name}", own


def _golden_sets(source: Source) -> dict[str, GoldenSet | str]:
    """Every golden set, or why it cannot be opened: a report tells of a damaged one and is made all the same."""
    out: dict[str, GoldenSet | str] = {}
    for name in source.golden_sets():
        try:
            out[name] = source.golden(name)
        except IntegrityError as error:
            out[name] = str(error)
    return out


def _place(source: str) -> str:
    """A workspace's name without the folders above it: they are of one machine."""
    path = Path(source)
    return source if "://" in source else path.parent.name if path.suffix == ".db" else path.name


def _time(now: Any) -> Any:
    try:
        return pd.Timestamp(now)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"now={now!r} is not a time; write it as '2026-06-08 10:00'") from error
