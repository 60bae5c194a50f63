"""Traces that one reading counts for: the same question with the same answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_TEXTS = ("input", "context", "system_prompt", "output")


def alike(frame: pd.DataFrame, trace_ids: Iterable[str]) -> dict[str, list[str]]:
    """For each of these traces the others, in the order of their ids, that reading it counts for.

    Alike are traces whose input, context, system prompt and output are equal, white space aside. A word more or less, another
    case or sign can be what makes an answer fail, and equal answers to different questions are not alike either: a
    refusal that is right for one is wrong for another (docs/decisions, 10).

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Traces.frame``.
    trace_ids : iterable of str
        Ids that are not in the frame are left out.

    Examples
    --------
    >>> same = {"input": "Why?", "context": "", "system_prompt": "", "output": "I cannot say."}
    >>> frame = pd.DataFrame([same, {**same, "output": "I cannot  say. "}, {**same, "output": "I can say."}], index=["a", "b", "c"])
    >>> alike(frame, ["a", "c"])
    {'a': ['b'], 'c': []}
    """
    ids = [i for i in dict.fromkeys(trace_ids) if i in frame.index]
    inputs = _plain(frame["input"])
    wanted = pc.unique(inputs.take(pa.array(frame.index.get_indexer(ids))))
    same = frame[np.asarray(pc.is_in(inputs, wanted))].sort_index()
    keys = list(zip(*(_plain(same[column]).to_pylist() for column in _TEXTS), strict=True))
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for trace_id, key in zip(same.index, keys, strict=True):
        together[key].append(trace_id)
    key_of = dict(zip(same.index, keys, strict=True))
    return {i: [other for other in together[key_of[i]] if other != i] for i in ids}


def _plain(texts: pd.Series) -> pa.Array:
    """Single blanks in place of white space, none at the ends."""
    whole = pa.array(texts, type=pa.large_string(), from_pandas=True)
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(whole, r"\s+", " "))
