"""Texts without the personal data in them: hides how a value keeps one placeholder wherever it stands."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from failscope.errors import ArgumentError
from failscope.traces.masked_values import Values
from failscope.traces.personal import PLACEHOLDER, Finder, cover, find_personal, scan
from failscope.traces.personal_rules import COVER, NUMBERS_AND_KEYS

NOT_MASKED = (
    "names, postal addresses, dates of birth and numbers of documents without check digits are not masked: no pattern "
    "tells them"
)
"""What a reader has to know of a text that a ``Masker`` masked."""

_ANY_PLACEHOLDER = re.compile(r"\[(?:[a-z][a-z -]{0,40}|IBAN|IP)(?: \d{1,6})\]")
_PASSES, _AROUND = 5, 60


@dataclass(eq=False)
class Masker:
    """Replaces personal data and secrets by their kind, "[e-mail]", and counts what it found.

    For texts that are shown. It has all rules of ``find_personal`` but those for names, which are guesses.
    What it cannot see is told by ``NOT_MASKED``.

    Attributes
    ----------
    counts : Counter
        Kind -> how many were masked so far.

    Examples
    --------
    >>> masker = Masker()
    >>> masker("Pay to DE89 3704 0044 0532 0130 00, write to jo@example.com; order 4000-0000-0000-0001 is no card")
    'Pay to [IBAN], write to [e-mail]; order 4000-0000-0000-0001 is no card'
    >>> dict(masker.counts)
    {'IBAN': 1, 'e-mail': 1}
    """

    counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: str) -> str:
        """The text with what was recognised replaced."""
        found = scan(text, NUMBERS_AND_KEYS)
        self.counts.update(f.kind for f in found)
        return _replaced(text, [(f.start, f.end, f"[{f.kind}]") for f in found])


@dataclass(frozen=True, eq=False, repr=False)
class Masked:
    """The fields of one example without personal data, and what was done.

    Attributes
    ----------
    texts : dict
        Field -> masked text.
    counts : dict
        Kind -> how many places were masked.
    record : list of dict
        For a log, as JSON holds it: ``field, kind, placeholder, times``. It has no value and no hash of one: short
        numbers can be found from their hash by trying all.
    before : dict
        Field -> the text as it was. It is for the eyes of who masks, and belongs into no log.
    """

    texts: dict[str, str]
    counts: dict[str, int]
    record: list[dict[str, Any]]
    before: Mapping[str, str]
    _spans: Mapping[str, list[tuple[int, int, str]]]

    def to_frame(self) -> pd.DataFrame:
        """The record: one row for a placeholder in a field."""
        return pd.DataFrame(self.record, columns=["field", "kind", "placeholder", "times"])

    def __repr__(self) -> str:
        return f"<Masked {self._counts()}>"

    def _repr_html_(self) -> str:
        rows = []
        for name, spans in self._spans.items():
            if not spans:
                continue
            was, now = self.before[name], [(a, b, html.escape(p)) for a, b, p in spans]
            shown = [(a, b, html.escape(was[a:b])) for a, b, _ in spans]
            rows.append(
                f"<tr><th>{html.escape(name)}</th><td>{_excerpt(was, shown)}</td><td>{_excerpt(was, now)}</td></tr>"
            )
        head = f"<div><b>Masked</b> · {html.escape(self._counts())}</div>"
        if not rows:
            return head
        return f"{head}<table><tr><th></th><th>before</th><th>after</th></tr>{''.join(rows)}</table>"

    def _counts(self) -> str:
        return " · ".join(f"{kind}: {n:,}" for kind, n in self.counts.items()) or "nothing was found"


def mask(texts: Mapping[str, str], *, finder: Finder = find_personal) -> Masked:
    """Replace the personal data in the fields of one example, so that the example keeps its meaning.

    A value has the same placeholder wherever it stands, and two values have two: "[e-mail 1]", "[e-mail 2]". What one
    field tells is masked in all of them: a name that introduces itself in the input is known in the output, in full
    and by each of its words, and so is the name in ``ana.ruiz@example.com``. A part of a name is taken for that name
    where one name only has it. Masking what is masked changes nothing.

    Parameters
    ----------
    texts : mapping of str to str
        Field -> text, as ``{"input": ..., "output": ...}``.
    finder : callable
        A text to the ``Found`` in it, as ``find_personal`` or a ``PresidioFinder``.

    Returns
    -------
    Masked

    Raises
    ------
    ArgumentError
        A field is no text, or the finder names a place that is not in the text.

    Examples
    --------
    >>> done = mask({"input": "I'm Ana Ruiz, ana@example.com", "output": "Thanks, Ana. I wrote to ana@example.com."})
    >>> done.texts["input"]
    "I'm [name 1], [e-mail 1]"
    >>> done.texts["output"]
    'Thanks, [name 1]. I wrote to [e-mail 1].'
    >>> done.counts
    {'name': 2, 'e-mail': 2}
    """
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ArgumentError(f"field {name!r} is {type(text).__name__}, not text; leave it out")
    standing = PLACEHOLDER if finder is find_personal else _ANY_PLACEHOLDER
    seen = {name: standing.sub(lambda m: COVER * len(m.group()), text) for name, text in texts.items()}
    values = Values()
    places: dict[str, list[tuple[int, int, str]]] = {name: [] for name in texts}
    # what is masked may bare what stood beside it
    for _ in range(_PASSES):
        before = sum(map(len, places.values()))
        for look in (partial(_found, finder=finder), values.elsewhere):
            for name in texts:
                new = list(look(seen[name]))
                places[name] += new
                seen[name] = cover(seen[name], [(a, b) for a, b, _ in new])
                for a, b, kind in new:
                    values.add(kind, texts[name][a:b])
        if sum(map(len, places.values())) == before:
            break
    return _masked(texts, {name: sorted(found) for name, found in places.items()}, values, standing)


def _masked(
    texts: Mapping[str, str],
    places: Mapping[str, list[tuple[int, int, str]]],
    values: Values,
    standing: re.Pattern[str],
) -> Masked:
    highest: Counter[str] = Counter()
    for text in texts.values():
        for match in standing.finditer(text):
            kind, _, number = match.group()[1:-1].rpartition(" ")
            if number.isdigit():
                highest[kind] = max(highest[kind], int(number))
    numbers: dict[tuple[str, Any], int] = {}
    counts: Counter[str] = Counter()
    times: Counter[tuple[str, str, str]] = Counter()
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for name, found in places.items():
        spans[name] = []
        for a, b, kind in found:
            same = (kind, values.identity(kind, texts[name][a:b]))
            if same not in numbers:
                highest[kind] += 1
                numbers[same] = highest[kind]
            placeholder = f"[{kind} {numbers[same]}]"
            spans[name].append((a, b, placeholder))
            counts[kind] += 1
            times[name, kind, placeholder] += 1
    return Masked(
        texts={name: _replaced(text, spans[name]) for name, text in texts.items()},
        counts=dict(counts),
        record=[{"field": f, "kind": k, "placeholder": p, "times": n} for (f, k, p), n in times.items()],
        before=dict(texts),
        _spans=spans,
    )


def _found(text: str, *, finder: Finder) -> Iterator[tuple[int, int, str]]:
    """What a finder finds, in order; what overlaps is one, of the kind of the longest; what is masked stays."""
    merged: list[tuple[int, int, str, int]] = []
    for f in sorted(finder(text), key=lambda f: (f.start, -f.end)):
        if not 0 <= f.start < f.end <= len(text):
            raise ArgumentError(
                f"the finder found {f.kind!r} at {f.start} to {f.end} in a text of {len(text)} signs; "
                "start and end count the signs of the text that it was given"
            )
        long = f.end - f.start
        if merged and f.start < merged[-1][1]:
            start, end, kind, longest = merged[-1]
            merged[-1] = (start, max(end, f.end), f.kind if long > longest else kind, max(long, longest))
        else:
            merged.append((f.start, f.end, f.kind, long))
    for start, end, kind, _ in merged:
        for part in re.finditer(rf"[^{COVER}]+", text[start:end]):
            yield start + part.start(), start + part.end(), kind


def _replaced(text: str, spans: list[tuple[int, int, str]]) -> str:
    parts, end = [], 0
    for a, b, new in spans:
        parts += [text[end:a], new]
        end = b
    return "".join([*parts, text[end:]])


def _excerpt(text: str, spans: list[tuple[int, int, str]]) -> str:
    """What stands around the spans as HTML, the spans as they are given, marked."""
    parts, end = [], 0
    for k, (a, b, shown) in enumerate(spans):
        gap = text[end:a]
        if len(gap) > 2 * _AROUND:
            gap = (gap[:_AROUND] if k else "") + " … " + gap[-_AROUND:]
        parts.append(f"{html.escape(gap)}<mark>{shown}</mark>")
        end = b
    rest = text[end:]
    return "".join(parts) + html.escape(rest if len(rest) <= _AROUND else rest[:_AROUND] + " …")
