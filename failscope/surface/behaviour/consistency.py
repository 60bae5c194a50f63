"""Probes of an answer against the other answers to the same question: hides how traces that ask the same are found.

The question is the input and its context: the same words put to another context are another question. The system
prompt and the model are left out of it, as the answers of two prompt versions are what one wants to compare.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from failscope.surface.behaviour.phrases import refusal
from failscope.surface.behaviour.probe import Probe
from failscope.surface.behaviour.questions import questions
from failscope.surface.behaviour.scan import counts, matches, scan_of, to_numpy
from failscope.surface.behaviour.schemas import Parsed, parse_calls
from failscope.surface.behaviour.words import among, split_words, stop_hashes

if TYPE_CHECKING:
    from failscope.surface.behaviour.scan import Scan

_CHUNK_ROWS = 500
_BUCKETS = 2**20
_STOP_WEIGHT = 0.2  # "the" in common says little, and two answers of nothing else are still alike
_SHORT = 12  # words: an answer that is compared as a whole
_MIN_OTHERS = 3
_FREE = "prose"

_YES = r"\A[\s*_\"'(]*(?:yes|yeah|yep|correct|true|ja|sí|si|oui|はい|是)(?:[^\pL]|\z)"
_NO = r"\A[\s*_\"'(]*(?:no|nope|incorrect|false|nein|non|いいえ|不)(?:[^\pL]|\z)"
_LAST_NUMBER = r"(?s)\A.*(?:^|[^\d.,\pL])(?P<number>\d[\d,]*(?:\.\d+)?)"
_STRUCTURED = (
    r"(?s)\A\s*(?:```\w*\s*)?(?:[\[{].*[\]}]|[A-Za-z_][\w.]*\(.*\)|<\w+>\s*[\[{].*>)\s*(?:```)?\s*\z"
)


@dataclass(frozen=True, eq=False)
class PeerFigures:
    """Per row (n,): ``others`` that answered the same question, and what the probes of this module say."""

    others: np.ndarray
    disagreement: np.ndarray
    vary: np.ndarray
    minority: np.ndarray
    length: np.ndarray
    lines: np.ndarray


def peer_figures(scan: Scan) -> PeerFigures:
    """The figures of all rows; 0 where nobody else answered the question."""
    asked = questions(scan)
    n = scan.n
    size = np.bincount(asked[asked >= 0], minlength=1)
    others = np.where(asked >= 0, size[asked] - 1, 0)
    rows = np.flatnonzero(others > 0)
    rows = rows[np.argsort(asked[rows], kind="stable")]
    distance, vary = np.zeros(n), np.zeros(n)
    if len(rows):
        group = asked[rows]
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        # whole groups only; one that is larger than a chunk is a chunk of its own
        chunk_of = np.cumsum(np.diff(starts, append=len(rows))) // _CHUNK_ROWS
        cuts = [*starts[np.flatnonzero(np.diff(chunk_of, prepend=-1))], len(rows)]
        for start, end in itertools.pairwise(cuts):
            part = rows[start:end]
            distance[part], vary[part] = _distances(
                scan.lower("output").take(pa.array(part)), group[start:end]
            )
    trust = others / (others + 1)
    return PeerFigures(
        others=others,
        disagreement=(distance - vary) * trust,
        vary=vary * trust,
        minority=_minority(scan, asked, others),
        length=_beyond(np.log1p(to_numpy(pc.utf8_length(scan.whole("output")))), asked, others) * trust,
        lines=_beyond(np.log1p(counts(scan.trimmed("output"), r"\n")), asked, others) * trust,
    )


def disagreement(frame: pd.DataFrame) -> np.ndarray:
    """Mean word distance to the other answers, less the mean over all pairs of them; 0 among two, as neither is odd."""
    return scan_of(frame).peers.disagreement


def answers_vary(frame: pd.DataFrame) -> np.ndarray:
    """Mean word distance over all pairs of answers to this question."""
    return scan_of(frame).peers.vary


def minority_answer(frame: pd.DataFrame) -> np.ndarray:
    """Another answer than the one that more than half of four and more gave, all in canonical form."""
    return scan_of(frame).peers.minority


def peer_length(frame: pd.DataFrame) -> np.ndarray:
    """Log length less the median of the others' to the same question."""
    return scan_of(frame).peers.length


def peer_lines(frame: pd.DataFrame) -> np.ndarray:
    """Log line breaks less the median of the others' to the same question."""
    return scan_of(frame).peers.lines


def canonical(text: str, *, parsed: Parsed | None = None) -> str | None:
    """One form for answers that say the same: JSON with sorted keys, a call with sorted arguments, a short text's words.

    None for a longer text. Numbers are compared by value, so that 1,200, 1200 and 1200.0 are one.

    Examples
    --------
    >>> canonical('{"b": 1.0, "a": "X"}') == canonical('{"a": "x", "b": 1}')
    True
    >>> canonical("It is 1,200.") == canonical("it is 1200")
    True
    """
    body = re.sub(r"\A\s*```\w*\s*|\s*```\s*\Z", "", text).strip()
    if calls := (parse_calls(text) if parsed is None else parsed).calls:
        # the same call in Python's syntax and in JSON is one answer
        plain = ([c.key, _plain(c.arguments), _plain(c.places)] for c in calls)
        return json.dumps(sorted(json.dumps(c, sort_keys=True) for c in plain))
    if body[:1] in ("{", "["):
        try:
            return json.dumps(_plain(json.loads(body)), sort_keys=True)
        except (ValueError, RecursionError):
            pass
    words = _normal_words(body)
    return " ".join(words) if len(words) <= _SHORT else None


def _distances(texts: pa.Array, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per row 1 - the mean cosine to the other rows of its group, and the mean of that over the group."""
    from scipy.sparse import csr_matrix

    words = split_words(texts)
    n = len(texts)
    weight = np.where(among(words.hash, stop_hashes()), _STOP_WEIGHT, 1.0)
    column = (words.hash % np.uint64(_BUCKETS)).astype(np.int64)
    table = csr_matrix((weight, (words.row, column)), shape=(n, _BUCKETS))
    table.sum_duplicates()
    # the logarithm keeps one word said fifty times from being the whole answer
    table.data = np.log1p(table.data)
    row = np.repeat(np.arange(n), np.diff(table.indptr))
    norm = np.sqrt(np.bincount(row, weights=table.data**2, minlength=n))
    unit = table.data / np.maximum(norm[row], 1e-12)
    _, local = np.unique(group, return_inverse=True)
    size = np.bincount(local)
    # the sum of a group's vectors, looked up by (group, word), so that no dense vector is ever made
    cell = pd.factorize(local[row] * _BUCKETS + table.indices)[0]
    total = np.bincount(cell, weights=unit)[cell] if len(cell) else np.zeros(0)
    cosine = np.bincount(row, weights=unit * (total - unit), minlength=n) / np.maximum(size[local] - 1, 1)
    # an empty answer agrees with other empty ones
    empty = norm == 0
    alike = (np.bincount(local, weights=empty) - 1)[local] / np.maximum(size[local] - 1, 1)
    distance = 1 - np.clip(np.where(empty, alike, cosine), 0, 1)
    return distance, (np.bincount(local, weights=distance) / size)[local]


def _beyond(values: np.ndarray, asked: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Each value less the median of the other values in its group."""
    result = np.zeros(len(values))
    rows = np.flatnonzero(others > 0)
    if not len(rows):
        return result
    rows = rows[np.lexsort((values[rows], asked[rows]))]
    group, ordered = asked[rows], values[rows]
    start = np.searchsorted(group, group, side="left")
    rank, m = np.arange(len(rows)) - start, others[rows]
    lower, upper = (m - 1) // 2, m // 2
    # the k-th of the others is one further on from where the row itself stood
    middle = (ordered[start + lower + (lower >= rank)] + ordered[start + upper + (upper >= rank)]) / 2
    result[rows] = ordered - middle
    return result


def _minority(scan: Scan, asked: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Where more than half of a group gave one answer, and this is another one."""
    flagged = np.zeros(scan.n, dtype=bool)
    rows = np.flatnonzero(others >= _MIN_OTHERS)
    if not len(rows):
        return flagged
    texts = scan.trimmed("output").take(pa.array(rows))
    kinds = _kinds(scan, rows, texts)
    # a result stands at the end; a pattern that looks for the last number of a long text is slow
    ending = pc.utf8_slice_codeunits(texts, -300, 2**31 - 1)
    found = pc.struct_field(pc.extract_regex(ending, _LAST_NUMBER), "number")
    number = pc.fill_null(found, "").to_pylist()
    frame = pd.DataFrame({"group": asked[rows], "kind": kinds, "number": [_number(x) for x in number]})
    for column in ("kind", "number"):
        mode, share = _mode(frame["group"], frame[column])
        differs = (share > 0.5) & (mode != frame[column].to_numpy(dtype=object)) & (mode != "")
        if column == "number":
            # the last number of prose is its result when most agree on it (Wang et al. 2023, self-consistency)
            differs &= frame["kind"].to_numpy(dtype=object) == _FREE
        for i in np.flatnonzero(differs):
            flagged[rows[i]] |= not _says(texts[int(i)], mode[i], kinds[i], number=column == "number")
    return flagged


def _kinds(scan: Scan, rows: np.ndarray, texts: pa.Array) -> np.ndarray:
    """Each answer as what it is compared by: a canonical form, yes or no, a refusal, nothing, or mere prose."""
    kinds = np.full(len(rows), _FREE, dtype=object)
    short = (scan.words.count[rows] <= _SHORT) | matches(texts, _STRUCTURED)
    for i in np.flatnonzero(short):
        text = texts[int(i)].as_py()
        kinds[i] = canonical(text, parsed=scan.parsed(text)) or _FREE
    lower = scan.lower("output").take(pa.array(rows))
    prose = np.array([not str(kind).startswith(("{", "[")) for kind in kinds])
    kinds[prose & matches(lower, _YES)] = "yes"
    kinds[prose & matches(lower, _NO)] = "no"
    kinds[prose & refusal(scan.frame)[rows]] = "refuses"
    kinds[~scan.present("output")[rows]] = "nothing"
    return kinds


def _mode(group: pd.Series, value: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The value that most rows of each row's group have, and its share of the group."""
    table = pd.DataFrame({"group": group, "value": value})
    tally = table.groupby(["group", "value"], sort=True).size().rename("n").reset_index()
    tally = tally.sort_values(["group", "n", "value"], ascending=[True, False, True])
    best = tally.drop_duplicates("group").set_index("group")
    size = group.map(table.groupby("group").size()).to_numpy(dtype=np.float64)
    mode = group.map(best["value"]).to_numpy(dtype=object)
    return mode, group.map(best["n"]).to_numpy(dtype=np.float64) / size


def _says(text: Any, mode: str, kind: str, *, number: bool) -> bool:
    """Whether an answer holds what most others say, in a longer text or a shorter one; unknown counts as yes."""
    if mode in ("yes", "no"):
        return kind not in ("yes", "no", "refuses", "nothing")
    if mode == _FREE:
        # a word against prose may be the same answer in short
        return kind not in ("refuses", "nothing")
    if mode in ("refuses", "nothing"):
        return False
    if kind in ("refuses", "nothing"):
        return False
    words = _normal_words(text.as_py())
    if number:
        return mode in words
    return not mode.startswith(("{", "[")) and f" {mode} " in f" {' '.join(words)} "


def _normal_words(text: str) -> list[str]:
    text = re.sub(r"(?<=\d)[,'](?=\d{3}\b)", "", text.casefold())
    return [
        _number(word) if word[-1:].isdigit() else word for word in re.findall(r"-?\d+(?:\.\d+)?|\w+", text)
    ]


def _number(text: str) -> str:
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return text
    return f"{value:.10g}"


def _plain(value: Any, *, depth: int = 0) -> Any:
    if depth > 50:
        return ""
    if isinstance(value, dict):
        return {str(k).casefold(): _plain(v, depth=depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, depth=depth + 1) for v in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return _number(str(value))
    if isinstance(value, str):
        text = " ".join(value.casefold().split())
        if text[:1] in ("{", "["):
            # arguments often arrive as JSON within JSON
            try:
                return _plain(json.loads(value), depth=depth + 1)
            except (ValueError, RecursionError):
                return text
        return _number(text)
    return str(value)


PROBES = (
    Probe(
        "disagreement",
        disagreement,
        says="distance from the other answers to the same input, beyond theirs from each other",
        more="unlike the other answers to the same input",
        less="like the other answers to the same input",
        hint=True,
        dimension="consistency",
    ),
    Probe(
        "answers_vary",
        answers_vary,
        says="distance among the answers to the same input",
        more="answers to the same input differ",
        less="answers to the same input agree",
        dimension="consistency",
    ),
    Probe(
        "minority_answer",
        minority_answer,
        says="differs from the answer that most others give to the same input",
        kind="flag",
        hint=True,
        dimension="consistency",
    ),
    Probe(
        "peer_length",
        peer_length,
        says="length beyond the other answers to the same input (log)",
        more="longer than other answers to the same input",
        less="shorter than other answers to the same input",
        dimension="consistency",
    ),
    Probe(
        "peer_lines",
        peer_lines,
        says="line breaks beyond the other answers to the same input (log)",
        more="more lines than other answers to the same input",
        less="fewer lines than other answers to the same input",
        dimension="consistency",
    ),
)
