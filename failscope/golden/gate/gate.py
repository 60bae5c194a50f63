"""What may enter a golden set: hides how the checks of many cases depend on each other, and what a crash of one means."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from failscope.errors import ArgumentError, FailscopeError, NotFoundError
from failscope.golden.gate import checks
from failscope.golden.gate.checks import CHECKS, UNWAIVABLE, Claim, Finder, Finding, modes_of
from failscope.golden.near import index as nearness
from failscope.golden.near.index import NearIndex, place_of
from failscope.golden.near.sameness import folded
from failscope.golden.near.search import Near, texts_of
from failscope.surface.cards import plain
from failscope.traces.personal import find_personal

if TYPE_CHECKING:
    from failscope.golden.cases import Case
    from failscope.golden.dataset import GoldenSet

_KEPT = 4_096  # texts of which it is kept what was found in them
_ROUNDS = 5  # of looking again at what a full quota makes room for

COLUMNS = ("trace_id", "check", "passed", "waived", "says")


@dataclass(frozen=True)
class Gate:
    """The checks between a proposed case and a golden set, with their thresholds.

    The defaults of ``overlap`` and ``cosine`` are calibrated on real production inputs; docs/gate.md has the figures.

    Attributes
    ----------
    overlap : float
        Two inputs are one from this share of common runs of five signs (Jaccard). 0.7 finds nine in ten copies with
        typing errors; of a thousand real inputs it takes none to three for another one.
    cosine : float
        Two inputs are one from this cosine of their vectors. 0.95 finds the same words in another order, and few true
        paraphrases: below it lie as many different questions.
    max_chars : int
        Characters of input, context and system prompt together, of the output, and of the expected output. 100,000 are
        some 25,000 tokens: longer cases are slow and dear to run, and nobody reads them.
    quota_min : int
        A failure mode may have this many examples whatever its share: below it, a share says little.
    quota_share : float
        Beyond ``quota_min``, the share of the set that one failure mode may hold. With more than a half in one mode the
        whole set's score is that mode's.
    min_readers : int
        How many must have read a case. 0: a case that nobody read may enter, as a curator decides and somebody wrote
        what was expected.
    finder : callable, optional
        Text -> places with a ``kind``: what personal data is; ``failscope.traces.personal.find_personal`` by default.

    Examples
    --------
    >>> Gate(quota_share=0.3).check([], None, near=NearIndex.of(None))
    <GateReport · no cases>
    """

    overlap: float = 0.7
    cosine: float = 0.95
    max_chars: int = 100_000
    quota_min: int = 25
    quota_share: float = 0.5
    min_readers: int = 0
    finder: Finder | None = None

    def __post_init__(self) -> None:
        for name in ("overlap", "cosine", "quota_share"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ArgumentError(f"{name}={value!r} is a share above 0, at most 1")
        for name, least in (("max_chars", 1), ("quota_min", 1), ("min_readers", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ArgumentError(f"{name}={value!r} is a whole number from {least}")

    def check(self, cases: Sequence[Case], golden: GoldenSet | None, *, near: NearIndex) -> GateReport:
        """What each check says of each case, as if all that pass were promoted at once.

        Of two cases that ask the same the one proposed first passes, if nothing else refuses it. Quotas are filled in
        the order of proposal. A check that fails on a case for whatever reason refuses it; it never raises.

        Parameters
        ----------
        cases : sequence of Case
        golden : GoldenSet or None
            The set as it stands.
        near : NearIndex
            Of the set's folder.
        """
        ordered = _as_proposed(cases)
        findings = [self._alone(case) for case in ordered]
        sound = [n for n, case in enumerate(ordered) if _is_sound(case.example)]
        part = [ordered[n] for n in sound], [findings[n] for n in sound]
        self._together(*part, golden, near)
        broken = dict.fromkeys(("duplicate", "quota"), _crashed(TypeError()))
        findings = [broken | found for found in findings]
        said = {case.trace_id: found for case, found in zip(ordered, findings, strict=True)}
        return GateReport.of(cases, said)

    def quota(self, size: int) -> int:
        """How many examples one failure mode may have in a set of this size."""
        return max(self.quota_min, int(self.quota_share * size))

    def _alone(self, case: Case) -> dict[str, Finding]:
        """The checks that look at nothing but the case."""
        return {
            "expected": _safely(lambda: checks.expected(case)),
            "agreement": _safely(lambda: checks.agreement(case, min_readers=self.min_readers)),
            "personal": _safely(lambda: checks.personal(case, finder=self.finder or _found), quiet=True),
            "size": _safely(lambda: checks.size(case, max_chars=self.max_chars)),
            "deletion": _safely(lambda: checks.deletion(case)),
        }

    def _together(
        self,
        cases: Sequence[Case],
        findings: list[dict[str, Finding]],
        golden: GoldenSet | None,
        near: NearIndex,
    ) -> None:
        """The checks that look at the other cases and at the set."""
        examples = [case.example for case in cases]
        try:
            in_set = near.in_set(examples, golden, overlap=self.overlap, cosine=self.cosine)
        except Exception as error:  # noqa: BLE001  one hostile text, or an embedder that is gone
            for found in findings:
                found["duplicate"] = _crashed(error)
            self._quotas(cases, findings, golden, near)
            return
        full: set[int] = set()
        for _ in range(_ROUNDS):
            self._duplicates(cases, findings, golden, near, in_set)
            self._quotas(cases, findings, golden, near)
            # a copy of what the quota refuses may enter; what was refused stays so, or both might
            now = {n for n, case in enumerate(cases) if _is_refused(case, findings[n], "quota")}
            if now == full or not any(
                _is_refused(case, found, "duplicate") for case, found in zip(cases, findings, strict=True)
            ):
                return
            full = now

    def _duplicates(
        self,
        cases: Sequence[Case],
        findings: list[dict[str, Finding]],
        golden: GoldenSet | None,
        near: NearIndex,
        in_set: Sequence[Near | None],
    ) -> None:
        limits = {"overlap": self.overlap, "cosine": self.cosine}
        by_id = {str(case.example["id"]): case.trace_id for case in cases}

        def enters(at: int) -> bool:
            # one that is refused stands in nobody's way
            return _enters(cases[at], findings[at])

        def look(n: int, earlier: Sequence[Near]) -> Finding:
            if _unchanged(cases[n], golden):
                return Finding(True, "it is in the set already, with this input")
            first = replace(earlier[0], trace_id=by_id[earlier[0].example_id]) if earlier else None
            return checks.duplicate(cases[n], in_set[n], first, **limits)

        try:
            # each is looked at when those before it were decided
            among = near.among([case.example for case in cases], counts=enters, **limits)
            for n, earlier in enumerate(among):
                findings[n]["duplicate"] = _safely(partial(look, n, earlier))
        except Exception as error:  # noqa: BLE001  as in _together
            for found in findings:
                found["duplicate"] = _crashed(error)

    def _quotas(
        self,
        cases: Sequence[Case],
        findings: list[dict[str, Finding]],
        golden: GoldenSet | None,
        near: NearIndex,
    ) -> None:
        try:
            held: Counter[str] = Counter()
            for modes, n in near.modes(golden).items():
                held.update(dict.fromkeys(modes or (checks.NO_FAILURE,), n))
            claims = [
                Claim(
                    modes_of(case.example),
                    None if (old := _old(case, golden)) is None else modes_of(old),
                    _enters(case, findings[n]),
                    "quota" in case.waived,
                )
                for n, case in enumerate(cases)
            ]
            before = 0 if golden is None else len(golden)
            made = checks.quota(claims, held, before, least=self.quota_min, share=self.quota_share)
        except Exception as error:  # noqa: BLE001  as in _together
            made = [_crashed(error)] * len(cases)
        for case, found, finding in zip(cases, findings, made, strict=True):
            if not _is_refused(case, found, "quota"):
                found["quota"] = finding


@dataclass(frozen=True, eq=False)
class GateReport:
    """What the gate says of each case, check by check; ``gate.check`` and ``desk.check`` make it.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a case and check: ``trace_id, check, passed, waived, says``. ``waived``: a curator let it pass with a
        reason although it did not.
    """

    frame: pd.DataFrame
    _records: Mapping[str, Mapping[str, Any]] = field(repr=False)
    _inputs: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, cases: Sequence[Case], findings: Mapping[str, Mapping[str, Finding]]) -> GateReport:
        """A report of the findings for each trace."""
        rows, records = [], {}
        for case in cases:
            found = findings[case.trace_id]
            record = {}
            for check in CHECKS:
                finding = found[check]
                waived = not finding.passed and _is_waived(case, check)
                rows.append((case.trace_id, check, finding.passed, waived, finding.says + finding.shown))
                record[check] = {"passed": finding.passed, "waived": waived, "says": finding.says}
            records[case.trace_id] = record
        frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(
            {"trace_id": "str", "check": "str", "passed": bool, "waived": bool, "says": "str"}
        )
        return cls(frame, records, {c.trace_id: _shown_input(c) for c in cases})

    @property
    def passed(self) -> list[str]:
        """The traces that may enter: each check passed or was waived."""
        refused = self.refused
        return [i for i in self._records if i not in refused]

    @property
    def refused(self) -> dict[str, list[str]]:
        """The traces that may not, each with the checks that refuse it."""
        wrong = self.frame[~self.frame["passed"] & ~self.frame["waived"]]
        return {str(i): list(part["check"]) for i, part in wrong.groupby("trace_id", sort=False)}

    def for_(self, trace_id: str) -> dict[str, dict[str, Any]]:
        """Check -> ``{"passed", "waived", "says"}``, as an example's provenance keeps it: without other cases' words.

        Raises
        ------
        NotFoundError
            The report has no such trace.
        """
        if trace_id not in self._records:
            raise NotFoundError(f"trace {trace_id!r:.80} was not checked; report.frame lists those that were")
        return {check: dict(said) for check, said in self._records[trace_id].items()}

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``."""
        return self.frame.copy()

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<GateReport · {self._counts()}>"

    def _counts(self) -> str:
        if not len(self):
            return "no cases"
        refused = self.refused
        why = Counter(check for several in refused.values() for check in several)
        parts = [
            f"{len(self) - len(refused):,} of {len(self):,} case{'s' if len(self) > 1 else ''} may enter"
        ]
        parts += [f"{check}: {n:,} refused" for check, n in why.most_common()]
        waived = int(self.frame["waived"].sum())
        return " · ".join([*parts, *([f"{waived:,} waived"] if waived else [])])

    def _repr_html_(self) -> str:
        from failscope.golden.gate.card import report_card

        return report_card(self, self._counts(), self._inputs)


@dataclass(frozen=True)
class _Kind:
    kind: str


_FOUND: dict[bytes, tuple[_Kind, ...]] = {}


def _as_proposed(cases: Sequence[Case]) -> list[Case]:
    """The one proposed first comes first; in the order given where a time is missing."""
    times = []
    for case in cases:
        try:
            times.append(min(str(p["at"]) for p in case.example["provenance"]["proposed"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            return list(cases)
    return [cases[n] for n in sorted(range(len(cases)), key=times.__getitem__)]


def _found(text: str) -> Sequence[checks.Found]:
    # a desk asks of the same texts at each look at it; of a text that may have to be forgotten a hash is kept
    key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    found = _FOUND.get(key)
    if found is None:
        found = tuple(_Kind(str(place.kind)) for place in find_personal(text))
        if len(_FOUND) >= _KEPT:
            _FOUND.clear()
        _FOUND[key] = found
    return found


def forget_texts() -> None:
    """Empty what the gate and its indexes keep in memory of texts, as a request for deletion demands."""
    _FOUND.clear()
    nearness.forget_texts()


def _safely(check: Callable[[], Finding], *, quiet: bool = False) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  what cannot be checked must not enter, and must not hide the rest
        return _crashed(error, quiet=quiet)


def _crashed(error: Exception, *, quiet: bool = False) -> Finding:
    # a message of ours is safe to show; another's may quote what was found
    told = plain(str(error), 200) if isinstance(error, FailscopeError) and not quiet else type(error).__name__
    return Finding(False, f"could not be checked: {told}")


def _is_waived(case: Case, check: str) -> bool:
    return check in case.waived and check not in UNWAIVABLE


def _enters(case: Case, found: Mapping[str, Finding]) -> bool:
    return all(finding.passed or _is_waived(case, check) for check, finding in found.items())


def _is_refused(case: Case, found: Mapping[str, Finding], check: str) -> bool:
    return check in found and not found[check].passed and not _is_waived(case, check)


def _is_sound(example: Any) -> bool:
    """What the checks of many cases at once need, so that one broken case refuses itself alone."""
    return (
        isinstance(example, Mapping)
        and isinstance(example.get("id"), str)
        and isinstance(example.get("failure_modes") or [], list | tuple)
    )


def _old(case: Case, golden: GoldenSet | None) -> Mapping[str, Any] | None:
    """The example that the set has of this case."""
    at = None if golden is None else place_of(golden, str(case.example["id"]))
    return None if golden is None or at is None else golden.rows[at]


def _unchanged(case: Case, golden: GoldenSet | None) -> bool:
    """The set has this example with the same question: whatever is near it was let in before."""
    old = _old(case, golden)
    return old is not None and [*map(folded, texts_of(old))] == [*map(folded, texts_of(case.example))]


def _shown_input(case: Case) -> str:
    return texts_of(case.example)[0] if _is_sound(case.example) else ""
