"""What is different between two versions of a golden set: hides how lines are paired and which change means what."""

from __future__ import annotations

import difflib
import html
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

KINDS = ("added", "edited", "re-labelled", "retired", "forgotten", "removed")
"""``re-labelled``: only the failure modes or the note changed; ``forgotten``: its texts were removed on request."""

LABELS = ("failure_modes", "note")
COLUMNS = ("change", "fields", "before", "after", "reason")
_LONGEST = 4_000
"""Longer texts are shown as before and after, without the words marked."""


@dataclass(frozen=True, eq=False)
class Changes:
    """The differences between two versions, by meaning; false where there is none.

    Attributes
    ----------
    before, after : str
        Which versions.
    frame : DataFrame
        Index ``example_id``; ``change`` (one of ``KINDS``), ``fields`` (those that differ), ``before`` and ``after``
        (their values, as mappings), ``reason`` (why it was retired; "" otherwise).
    """

    before: str
    after: str
    frame: pd.DataFrame = field(repr=False)

    def counts(self) -> dict[str, int]:
        """Kind -> how many, those that are there."""
        there = Counter(self.frame["change"])
        return {kind: there[kind] for kind in KINDS if there[kind]}

    def to_frame(self) -> pd.DataFrame:
        """The same as ``frame``."""
        return self.frame

    def __len__(self) -> int:
        return len(self.frame)

    def says(self) -> str:
        """The counts in words."""
        return ", ".join(f"{n:,} {kind}" for kind, n in self.counts().items()) or "no difference"

    def __repr__(self) -> str:
        return f"<Changes {self.before} -> {self.after} · {self.says()}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{html.escape(str(example))}</code></td><td>{html.escape(row.change)}</td>"
            f"<td style='text-align:left;overflow-wrap:anywhere'>{_told(row)}</td></tr>"
            for example, row in zip(self.frame.index[:_ROWS], self.frame.itertuples(), strict=False)
        )
        more = f"<div>and {len(self) - _ROWS:,} more</div>" if len(self) > _ROWS else ""
        return (
            f"<div><b>{html.escape(self.before)} → {html.escape(self.after)}</b> · {html.escape(self.says())}"
            f"<table style='max-width:64em;table-layout:auto'>{rows}</table>{more}</div>"
        )


_ROWS = 40


def changes(before: GoldenSet | None, after: GoldenSet) -> Changes:
    """The differences from one version to another of the same golden set; from nothing, everything is added."""
    old = before.rows.by_id() if before is not None else {}
    new = after.rows.by_id()
    retired: Mapping[str, Any] = after.manifest.get("retired", {})
    rows: dict[str, tuple[Any, ...]] = {}
    for example in sorted({*old, *new}):
        if old.get(example) == new.get(example):
            continue
        said = json.loads(new[example]) if example in new else None
        was = json.loads(old[example]) if example in old else None
        found = _change(was, said)
        if found is None:
            continue
        kind, fields = found
        reason = ""
        if kind == "removed" and example in after.rows.forgotten:
            kind = "forgotten"
        elif kind == "removed" and example in retired:
            kind, reason = "retired", retired[example]["reason"]
        rows[example] = (kind, fields, _only(was, fields), _only(said, fields), reason)
    # a tombstone of the older version that has no line in the newer one was forgotten before that one was made
    for example in before.rows.forgotten if before is not None else ():
        if example not in rows and example not in new and example not in after.rows.forgotten:
            rows[example] = ("forgotten", [], {}, {}, "")
    index = pd.Index(list(rows), name="example_id", dtype="str")
    frame = pd.DataFrame(list(rows.values()), index=index, columns=list(COLUMNS))
    return Changes("nothing" if before is None else _name(before), _name(after), frame)


def _change(was: Mapping[str, Any] | None, said: Mapping[str, Any] | None) -> tuple[str, list[str]] | None:
    if was is None or said is None:
        whole = said if was is None else was
        assert whole is not None  # one of the two is there
        return "added" if was is None else "removed", [
            k for k in _content(whole) if whole[k] not in ("", None, [])
        ]
    keys = dict.fromkeys([*_content(was), *_content(said)])
    # a version that knew no criteria had none
    differ = [
        k
        for k in keys
        if was.get(k, [] if k == "criteria" else None) != said.get(k, [] if k == "criteria" else None)
    ]
    if not differ:
        return None  # only the path to it is told in other words
    return "re-labelled" if set(differ) <= set(LABELS) else "edited", differ


def _content(row: Mapping[str, Any]) -> list[str]:
    return [k for k in row if k not in ("id", "provenance")]


def _only(row: Mapping[str, Any] | None, fields: list[str]) -> dict[str, Any]:
    return {} if row is None else {k: row.get(k) for k in fields}


def _name(golden: GoldenSet) -> str:
    return f"{golden.name} v{golden.version}" + ("" if golden.branch == "main" else f" on {golden.branch}")


# how it is shown -----------------------------------------------------------------------------------------------


def words_differ(before: str, after: str) -> list[tuple[str, str]]:
    """Two texts as pieces ``(" " or "-" or "+", text)``: kept, only before, only after; cut at words.

    Texts of more than 4,000 characters are two pieces, one of each: word by word would take seconds.
    """
    if max(len(before), len(after)) > _LONGEST:
        return [("-", before), ("+", after)] if before != after else [(" ", after)]
    a, b = re.findall(r"\s+|\w+|[^\w\s]", before), re.findall(r"\s+|\w+|[^\w\s]", after)
    pieces: list[tuple[str, str]] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append((" ", "".join(a[i:j])))
            continue
        pieces += [(sign, text) for sign, text in (("-", "".join(a[i:j])), ("+", "".join(b[k:m]))) if text]
    return pieces


def _told(row: Any) -> str:
    parts = []
    if row.reason:
        parts.append(f"<div>{html.escape(row.reason)}</div>")
    for name in row.fields:
        was, now = _text(row.before.get(name)), _text(row.after.get(name))
        if row.change not in ("edited", "re-labelled"):
            if name in ("input", "failure_modes"):
                parts.append(f"<div><i>{html.escape(name)}</i> {html.escape(_short(now or was))}</div>")
            continue
        marked = "".join(
            f"<{tag}>{html.escape(_short(text))}</{tag}>" if tag else html.escape(_short(text))
            for tag, text in ((_TAG[sign], text) for sign, text in words_differ(was, now))
        )
        parts.append(f"<div><i>{html.escape(name)}</i> {marked}</div>")
    return "".join(parts)


_TAG = {" ": "", "-": "del", "+": "ins"}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _short(text: str, most: int = 400) -> str:
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"
