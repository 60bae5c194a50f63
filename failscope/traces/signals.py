"""What counts as a weak signal and when one is bad: hides thumbs, words, scores and flags behind a single number."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError, ColumnError
from failscope.traces.table import Direction

GOOD_SIGNALS = (
    "thumbs", "thumb", "thumbs_up", "feedback", "user_feedback", "feedback_score", "rating", "user_rating", "stars",
    "score", "user_score", "like", "liked", "upvote", "upvoted", "helpful", "satisfaction", "csat", "nps", "copied",
    "copy", "accepted", "resolved", "solved", "success", "successful", "passed", "correct", "outcome",
)  # fmt: skip
"""Well-known columns of which a high value is good."""

BAD_SIGNALS = (
    "error", "errors", "is_error", "has_error", "thumbs_down", "dislike", "disliked", "downvote", "downvoted",
    "regenerated", "regenerate", "retried", "retry", "retries", "escalated", "escalation", "escalate", "handoff",
    "handed_over", "follow_up", "follow_ups", "flag", "flags", "flagged", "reported", "complaint", "complained",
    "abandoned", "reopened",
)  # fmt: skip
"""Well-known columns of which a high value is bad."""

PRAISE = ("copied", "copy", "like", "liked", "upvote", "upvoted")
"""Acts of praise among the good signals: whoever leaves one out has not complained."""

EVALUATOR_PREFIXES = (
    "score",
    "scores",
    "eval",
    "evals",
    "evaluation",
    "evaluator",
    "judge",
    "grade",
    "metric",
)
EVALUATOR_SUFFIXES = ("score", "rating", "grade")
"""First and last words of an evaluator's column: ``score_tone``, ``eval_toxicity``, ``relevance_score``."""

_BAD_THINGS = frozenset({
    "toxicity", "toxic", "hallucination", "hallucinations", "hallucinated", "harm", "harmful", "harmfulness",
    "bias", "error", "errors", "risk", "violation", "violations", "refusal", "unsafe", "pii", "leak", "leakage",
    "perplexity", "wer", "distance", "contradiction", "jailbreak",
})  # fmt: skip
# an evaluator's column that ends so says something about the score, it is not one
_NOT_SCORES = frozenset({
    "id", "name", "model", "version", "time", "at", "by", "date", "reason", "comment", "explanation",
    "rationale", "ms", "cost", "count",
})  # fmt: skip

_HIGH = frozenset({"yes", "y", "true", "t", "1", "on", "positive", "high"})
_LOW = frozenset({"no", "n", "false", "f", "0", "-1", "off", "negative", "low"})
_FINE = frozenset({
    "up", "thumbsup", "👍", "👍🏻", "like", "liked", "upvote", "good", "great", "pass", "passed", "success",
    "successful", "succeeded", "ok", "okay", "correct", "right", "helpful", "resolved", "solved", "accept",
    "accepted", "satisfied", "done", "completed",
})  # fmt: skip
_WRONG = frozenset({
    "down", "thumbsdown", "👎", "👎🏻", "dislike", "disliked", "downvote", "bad", "poor", "fail", "failed",
    "failure", "error", "incorrect", "wrong", "unhelpful", "unresolved", "unsolved", "reject", "rejected",
    "dissatisfied", "unsatisfied",
})  # fmt: skip
_UNKNOWN = frozenset({"neutral", "unknown", "unsure", "n/a", "na", "skip", "skipped"})
_EMPTY = frozenset({"", "none", "null", "nan", "[]", "{}"})
_WORST_SHARE = 0.2


def badness(series: pd.Series, direction: Direction) -> pd.Series:
    """Turn a signal so that 1 is bad, 0 is not and NaN is not known.

    Parameters
    ----------
    series : pandas.Series
        Booleans, numbers or words.
    direction : {"good", "bad"}
        What a high value means.

    Returns
    -------
    pandas.Series
        float64, same index. Two values are taken as they are; with -1, 0 and 1 the 0 is no answer. Many values
        are bad in their worst fifth, ties included, never the best value itself. Of words, a verdict ("down",
        "fail", "helpful") keeps its own meaning, a level ("yes", "true", "positive") takes the direction's.
        Any other text is bad where it is not empty if the direction is "bad", and not known if it is "good":
        a comment does not say whether it praises.

    Examples
    --------
    >>> badness(pd.Series(["up", "down", ""]), "good").tolist()
    [0.0, 1.0, nan]
    >>> badness(pd.Series(["", "timeout"]), "bad").tolist()
    [0.0, 1.0]
    """
    if direction not in ("good", "bad"):
        raise ArgumentError(
            f"a signal's direction is 'good' or 'bad' (what a high value means), not {direction!r}"
        )
    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_numeric_dtype(series.dtype):
        out = _of_numbers(pd.to_numeric(series).to_numpy(dtype="float64", na_value=np.nan), direction)
    else:
        out = _of_words(series, direction)
    return pd.Series(out, index=series.index, name=series.name, dtype="float64")


def direction_of(name: str) -> Direction | None:
    """What a high value of a well-known column means, None for a column that is not one by its plain name."""
    key = _joined(name)
    if key in _GOOD_KEYS:
        return "good"
    return "bad" if key in _BAD_KEYS else None


def is_praise(name: str) -> bool:
    """True for an act of praise, whose absence is no complaint."""
    return _joined(name) in _PRAISE_KEYS


def evaluator_direction(name: str) -> Direction | None:
    """What a high value of an evaluator's column means, None where the name is not an evaluator's.

    Examples
    --------
    >>> evaluator_direction("score_tone"), evaluator_direction("eval_toxicity"), evaluator_direction("eval_model")
    ('good', 'bad', None)
    """
    words = [w for w in re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if w]
    if len(words) < 2 or words[-1] in _NOT_SCORES:
        return None
    if words[0] in EVALUATOR_PREFIXES or words[-1] in EVALUATOR_SUFFIXES:
        return "bad" if _BAD_THINGS.intersection(words) else "good"
    return None


def find_signals(frame: pd.DataFrame, declared: Mapping[str, Direction]) -> dict[str, Direction]:
    """The declared signals, then the well-known ones that say something in at least one row."""
    for name, direction in declared.items():
        if name not in frame.columns:
            known = ", ".join(map(repr, frame.columns))
            raise ColumnError(f"signals names a column {name!r} that is not there; the columns are {known}")
        if direction not in ("good", "bad"):
            raise ArgumentError(
                f"signals={{{name!r}: {direction!r}}}: say 'good' or 'bad', what a high value means"
            )
    found = dict(declared)
    for name in map(str, frame.columns):
        if name in found:
            continue
        plain, scored = direction_of(name), evaluator_direction(name)
        if plain and _says_something(frame[name], plain):
            found[name] = plain
        elif scored and not plain and _is_scale(frame[name]) and _says_something(frame[name], scored):
            found[name] = scored
    return found


def _of_numbers(values: np.ndarray, direction: Direction) -> np.ndarray:
    known = ~np.isnan(values)
    distinct = np.unique(values[known])
    out = np.where(known, 0.0, np.nan)
    if set(distinct) <= {-1.0, 0.0, 1.0}:
        if -1.0 in distinct:
            out[values == 0] = np.nan
        high = values > 0
    elif len(distinct) <= 2:
        # one value that never changes is no finding
        high = values == distinct[-1] if len(distinct) == 2 else np.full(len(values), direction == "good")
    else:
        return np.where(known, _worst_fifth(values, distinct, known, direction), np.nan)
    bad = high if direction == "bad" else ~high
    out[bad & ~np.isnan(out)] = 1.0
    return out


def _worst_fifth(
    values: np.ndarray, distinct: np.ndarray, known: np.ndarray, direction: Direction
) -> np.ndarray:
    sign = 1.0 if direction == "good" else -1.0
    turned = np.sort(sign * values[known])
    edge = turned[max(int(np.ceil(_WORST_SHARE * len(turned))) - 1, 0)]
    best = distinct[-1] if direction == "good" else -distinct[0]
    # where four fifths and more have the best value, only what falls short of it is bad
    return sign * values < best if edge == best else sign * values <= edge


def _of_words(series: pd.Series, direction: Direction) -> np.ndarray:
    words = _words(series)
    told = [w for w in words if w not in _EMPTY]
    numbers = pd.to_numeric(
        pd.Series([None if w in _EMPTY else w for w in words], dtype=object), errors="coerce"
    )
    if told and int(numbers.notna().sum()) == len(told):
        return _of_numbers(numbers.to_numpy(dtype="float64"), direction)
    verdict = {w: _verdict(w, direction) for w in set(words)}
    worded = all(w in _HIGH | _LOW | _FINE | _WRONG | _UNKNOWN for w in told)
    if worded:
        # a bad flag that is only ever set ("yes") or blank says no by its blank
        blank = 0.0 if direction == "bad" and not any(verdict[w] == 0.0 for w in told) else np.nan
        rest = np.nan
    else:
        blank, rest = (0.0, 1.0) if direction == "bad" else (np.nan, np.nan)
    values = [blank if w in _EMPTY else rest if verdict[w] is None else verdict[w] for w in words]
    return np.array(values, dtype="float64")


def _verdict(word: str, direction: Direction) -> float | None:
    if word in _FINE:
        return 0.0
    if word in _WRONG:
        return 1.0
    if word in _HIGH:
        return float(direction == "bad")
    if word in _LOW:
        return float(direction == "good")
    return None


def _words(series: pd.Series) -> list[str]:
    """Each value as one lower-case word: "Thumbs up" and "thumbs_up" are one, so are True and "true"."""
    raw = [
        "" if missing else str(v).strip().casefold() for v, missing in zip(series, series.isna(), strict=True)
    ]
    return [re.sub(r"(?<=\w)[\s_-]+(?=\w)", "", w) if len(w) < 40 else w for w in raw]


def _says_something(series: pd.Series, direction: Direction) -> bool:
    if not pd.api.types.is_numeric_dtype(series.dtype) and not any(w not in _EMPTY for w in _words(series)):
        return False
    if series.map(lambda v: isinstance(v, str) and v[:1] in ("{", "[") and len(v) > 2).any():
        return False
    return bool(badness(series, direction).notna().any())


def _is_scale(series: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(series.dtype):
        return True
    told = {w for w in _words(series) if w not in _EMPTY}
    return bool(pd.to_numeric(pd.Series(sorted(told), dtype=object), errors="coerce").notna().all()) or (
        told <= _HIGH | _LOW | _FINE | _WRONG | _UNKNOWN
    )


def _joined(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


_GOOD_KEYS = frozenset(map(_joined, GOOD_SIGNALS))
_BAD_KEYS = frozenset(map(_joined, BAD_SIGNALS))
_PRAISE_KEYS = frozenset(map(_joined, PRAISE))
