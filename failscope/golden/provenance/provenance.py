"""The path by which a golden example was found: hides which steps older versions do not know."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, eq=False)
class Provenance:
    """Where one example comes from, step by step, from the log file to the golden set.

    Each step is a mapping, or several; those that an older version did not keep are empty.

    Attributes
    ----------
    example_id : str
    trace : mapping
        ``trace_id, timestamp, week, log_file, log_line, log_sha256, model, prompt_version, text_sha256``.
    found : sequence of mapping
        One a review: ``review, strategy, budget, position, reason, probability`` (None where the trace was not
        drawn at random but chosen), and the group it is in: ``clustering, view, embedder, params, random_state,
        cluster, cluster_name, cluster_tags``.
    said : sequence of mapping
        ``reviewer, at, review, what``, and ``failure_modes, scores, rubric`` where they were given.
    agreement : mapping
        ``readers``, whether they ``agree`` (None with fewer than two), how a difference was ``settled``.
    proposed : sequence of mapping
        ``reviewer, at, reason, review``.
    edited : sequence of mapping
        ``by, at, reason, fields``, and ``masked`` (kind of personal data -> how many).
    gate : mapping
        Check -> ``passed, waived, says``.
    waived : sequence of mapping
        ``check, by, at, reason``.
    promoted : mapping
        ``curator, at, reason, version, branch, failscope``.
    golden, sha256 : str
        The set's name where it is known, and the hash of the example's line.

    Examples
    --------
    >>> row = {"id": "ex-1", "provenance": {"trace": {"trace_id": "t1", "log_file": "june.jsonl", "log_line": 7}}}
    >>> path = Provenance.of(row)
    >>> path.trace["log_file"], path.gate
    ('june.jsonl', {})
    >>> path.to_frame()["what"].tolist()
    ['trace_id', 'log_file', 'log_line']
    """

    example_id: str
    trace: Mapping[str, Any]
    found: Sequence[Mapping[str, Any]] = ()
    said: Sequence[Mapping[str, Any]] = ()
    proposed: Sequence[Mapping[str, Any]] = ()
    promoted: Mapping[str, Any] = field(default_factory=dict)
    agreement: Mapping[str, Any] = field(default_factory=dict)
    edited: Sequence[Mapping[str, Any]] = ()
    gate: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    waived: Sequence[Mapping[str, Any]] = ()
    golden: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any], *, golden: str = "") -> Provenance:
        """The provenance of one example, a row of a golden set."""
        from failscope.golden.lines import line_of

        steps = {k: v for k, v in row.get("provenance", {}).items() if k in _ORDER and v is not None}
        sha256 = hashlib.sha256(line_of(row) + b"\n").hexdigest()
        return cls(str(row["id"]), golden=golden, sha256=sha256, **{"trace": {}, **steps})

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON-able values."""
        out: dict[str, Any] = {"example_id": self.example_id}
        for name in _ORDER:
            step = getattr(self, name)
            out[name] = dict(step) if isinstance(step, Mapping) else [dict(one) for one in step]
        return out

    def to_frame(self) -> pd.DataFrame:
        """One row a fact: ``step, what, value``, in the order it happened."""
        rows = []
        for name in _ORDER:
            step = getattr(self, name)
            for facts in [step] if isinstance(step, Mapping) else step:
                rows += [(name, what, value) for what, value in facts.items() if value not in _NOTHING]
        return pd.DataFrame(rows, columns=["step", "what", "value"])

    def to_prov(self) -> dict[str, Any]:
        """The same as W3C PROV-JSON: entities, activities, agents and how they led to the example.

        Returns
        -------
        dict
            Plain values in the shape of the W3C member submission "The PROV-JSON Serialization" of 24 April 2013;
            ``json.dumps`` writes them.
        """
        from failscope.golden.provenance.prov import prov_of_example

        return prov_of_example(self)

    def __repr__(self) -> str:
        return f"<Provenance of {self.example_id} · trace {self.trace.get('trace_id')} · {len(self.said)} sayings>"

    def _repr_html_(self) -> str:
        from failscope.golden.provenance.timeline import timeline

        return timeline(self)


_ORDER = ("trace", "found", "said", "agreement", "proposed", "edited", "gate", "waived", "promoted")
"""The steps in the order in which they happen."""
