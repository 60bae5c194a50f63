"""Traces that one reading counts for: the same question, answered in the same words or nearly so."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

NEARLY = 0.9
"""The share of words in common (Jaccard) from which two answers to one question are nearly equal."""

_MOST = 50  # distinct answers to one question that are compared with each other; beyond, only equal ones are found
_ASKED = ("input", "context", "system_prompt")


def alike(frame: pd.DataFrame, trace_ids: Iterable[str]) -> dict[str, list[str]]:
    """For each of these traces the others, in the order of their ids, that reading it counts for.

    Alike are traces of equal input, context and system prompt (case, punctuation and white space aside) whose outputs are
    equal in the same sense, or have ``NEARLY`` of their words in common and the same numbers in the same order. Equal
    answers to different questions are not alike: a refusal that is right for one is wrong for another.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Traces.frame``.
    trace_ids : iterable of str
        Ids that are not in the frame are left out.
    """
    ids = [i for i in dict.fromkeys(trace_ids) if i in frame.index]
    inputs = _plain(frame["input"])
    wanted = pc.unique(inputs.take(pa.array(frame.index.get_indexer(ids))))
    same = frame[np.asarray(pc.is_in(inputs, wanted))].sort_index()
    keys = zip(*(_plain(same[column]).to_pylist() for column in _ASKED), strict=True)
    of_question: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for trace_id, question in zip(same.index, keys, strict=True):
        of_question[question].append(trace_id)
    together: dict[str, list[str]] = {}
    for members in of_question.values():
        if len(members) > 1:
            for group in _groups(members, _plain(same.loc[members, "output"]).to_pylist()):
                together |= dict.fromkeys(group, group)
    return {i: [other for other in together.get(i, ()) if other != i] for i in ids}


def _groups(members: list[str], answers: list[str]) -> list[list[str]]:
    """Answers to one question, those that are equal or nearly equal to the first of their group together."""
    groups: dict[str, list[str]] = {}
    leaders: list[tuple[set[str], list[str], str]] = []
    for answer in sorted(set(answers)):  # by the words alone, whatever order the rows came in
        words, numbers = set(answer.split()), re.findall(r"\d+", answer)
        near = (a for w, n, a in leaders if n == numbers and len(words & w) >= NEARLY * len(words | w))
        first = next(near, answer)
        groups[answer] = groups.setdefault(first, [])
        if first == answer and len(leaders) < _MOST:
            leaders.append((words, numbers, answer))
    for trace_id, answer in zip(members, answers, strict=True):
        groups[answer].append(trace_id)
    return list({id(group): group for group in groups.values()}.values())


def _plain(texts: pd.Series) -> pa.Array:
    """Lower-case words with single blanks; a text without any word stays as it is."""
    whole = pa.array(texts, type=pa.large_string(), from_pandas=True)
    words = pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(whole), r"[^\pL\pM\pN]+", " "))
    return pc.if_else(pc.equal(words, ""), pc.utf8_trim_whitespace(whole), words)
