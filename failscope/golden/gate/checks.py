"""The checks of the gate, a function each: hides what exactly makes a case fit for a golden set, and the sentence that says so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from failscope.golden.gate.criteria import criteria
from failscope.golden.near.search import Near
from failscope.surface.cards import plain

if TYPE_CHECKING:
    from failscope.golden.cases import Case

CHECKS = {
    "expected": "an expected output or a valid criterion is there, and the output that failed does not fulfil it",
    "agreement": "those who read it name the same failure modes, or their difference was settled",
    "duplicate": "no example of the set and no earlier case of this promotion asks the same",
    "personal": "no personal data and no secrets in its texts",
    "size": "its texts are not longer than the gate takes",
    "deletion": "its user has not asked for deletion",
    "quota": "its failure modes do not flood the set",
}
"""The checks of the gate, and what each demands."""

UNWAIVABLE = frozenset({"deletion"})
"""Checks that no curator can waive: they are a user's right, not a judgement."""

NO_FAILURE = "no failure"
"""What an example without a failure mode counts as."""

TEXTS = ("input", "context", "system_prompt", "output", "expected_output", "note")
FIRST = 60
"""Characters of the other text that a duplicate shows."""


class Found(Protocol):
    """What a finder of personal data returns for each place."""

    @property
    def kind(self) -> str:
        """Such as "e-mail"."""
        ...


Finder = Callable[[str], Iterable[Found]]


@dataclass(frozen=True)
class Finding:
    """What one check says of one case.

    ``shown`` is for the screen alone: it quotes the other text of a pair, and what is written into an example must not
    hold the words of another, whose user may ask for their deletion.
    """

    passed: bool
    says: str
    shown: str = ""


def expected(case: Case) -> Finding:
    """An expected output or a valid criterion is there, and the output that failed does not fulfil it."""
    row = case.example
    wanted = row.get("expected_output") or ""
    made = criteria(row.get("criteria") or [])
    written = bool(wanted.strip())
    if not written and not made:
        return Finding(False, "neither an expected output nor a criterion; write one")
    failed = bool(row.get("failure_modes"))
    output = str(row.get("output") or "")
    if failed and written and wanted.strip() == output.strip():
        return Finding(
            False, "the expected output is the very output that failed; write what should have been said"
        )
    if failed and not written and all(c.check(output) is True for c in made):
        count = "its one criterion" if len(made) == 1 else f"all {len(made)} criteria"
        return Finding(
            False, f"the output that failed fulfils {count}: it would pass again; add one that it fails"
        )
    parts = ["an expected output"] if written else []
    parts += [f"{len(made)} criteri{'on' if len(made) == 1 else 'a'}"] if made else []
    return Finding(True, " and ".join(parts))


def agreement(case: Case, *, min_readers: int) -> Finding:
    """Those who read it name the same failure modes, or their difference was settled."""
    # a mark made from somebody else's note is no reading of one's own
    read = {who: m for who, m in case.readings.items() if m.read and not m.coded}
    if len(read) < min_readers:
        return Finding(False, f"read by {len(read)}, and {min_readers} must have read it")
    if not read:
        return Finding(True, "nobody has read it")
    if len(read) == 1:
        return Finding(True, "one reader")
    said = Counter(frozenset(m.failure_modes) for m in read.values())
    if len(said) == 1:
        return Finding(True, f"{len(read)} readers agree")
    if case.settled:
        return Finding(True, f"{len(read)} readers differed, and it was settled")
    named = "; ".join(
        f"{plain(', '.join(sorted(modes)) or NO_FAILURE, 80)}: {n}" for modes, n in said.most_common(4)
    )
    return Finding(
        False,
        f"{len(read)} readers differ ({named}); settle it (Shift D here or in their review, or desk.settle)",
    )


def duplicate(
    case: Case, in_set: Near | None, earlier: Near | None, *, overlap: float, cosine: float
) -> Finding:
    """No example of the set and no earlier case of this promotion asks the same."""
    near = max(filter(None, (in_set, earlier)), key=lambda n: n.rank, default=None)
    if near is None:
        return Finding(True, "nothing else asks the same")
    other = (
        f"example {plain(near.example_id, 40)} of the set"
        if near is in_set
        else f"trace {plain(near.trace_id, 60)}, proposed before it"
    )
    how = {
        "exact": f"asks word for word what {other} asks",
        "near": f"shares {near.figure:.0%} of its wording with {other} (from {overlap:.0%} it counts as the same)",
        "paraphrase": f"means the same as {other}: similarity {near.figure:.3f} (from {cosine:g} it counts as the same)",
    }
    mine = plain(str(case.example.get("input") or ""), FIRST)
    return Finding(False, how[near.kind], f": “{mine}” and “{plain(near.input, FIRST)}”")


def personal(case: Case, *, finder: Finder) -> Finding:
    """No personal data and no secrets in its texts; what is found is counted, never repeated."""
    texts = {name: str(case.example.get(name) or "") for name in TEXTS}
    texts["criteria"] = "\n".join(_criteria_texts(case.example.get("criteria") or []))
    counts = Counter(
        (str(found.kind), name) for name, text in texts.items() if text for found in finder(text)
    )
    if not counts:
        return Finding(True, "nothing personal found")
    named = ", ".join(
        f"{n} {plain(kind, 30)} in {name.replace('_', ' ')}" for (kind, name), n in counts.items()
    )
    return Finding(False, f"{named}; mask them")


def _criteria_texts(specs: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for spec in specs:
        value = spec.get("value")
        if value is not None:
            # as people write it, without JSON's escapes
            yield value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def size(case: Case, *, max_chars: int) -> Finding:
    """What was asked, what was answered and what is expected are each within the limit."""

    def long(*names: str) -> int:
        return sum(len(case.example.get(name) or "") for name in names)

    parts = {
        "input, context and system prompt": long("input", "context", "system_prompt"),
        "the output": long("output"),
        "the expected output": long("expected_output"),
    }
    over = [f"{what}: {n:,} characters" for what, n in parts.items() if n > max_chars]
    if over:
        return Finding(False, f"{'; '.join(over)}; at most {max_chars:,}. Shorten it to what makes it fail")
    return Finding(True, f"{sum(parts.values()):,} characters")


def deletion(case: Case) -> Finding:
    """Its user has not asked for deletion."""
    if case.forgotten:
        return Finding(False, "its user asked for deletion; this cannot be waived")
    return Finding(True, "no request for deletion")


def modes_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The failure modes that an example counts for."""
    return tuple(dict.fromkeys(map(str, row.get("failure_modes") or ()))) or (NO_FAILURE,)


@dataclass(frozen=True)
class Claim:
    """What a case asks of the quotas: its failure modes, those it has in the set already (None: it is new)."""

    modes: tuple[str, ...]
    had: tuple[str, ...] | None
    enters: bool  # as far as the other checks go
    waived: bool


def quota(
    claims: Sequence[Claim], held: Mapping[str, int], before: int, *, least: int, share: float
) -> list[Finding]:
    """Its failure modes do not flood the set: in order, none that a case brings holds more than its quota.

    The quota is a share of the set as it will be, which shrinks with each refusal until none is added.

    Parameters
    ----------
    held : mapping of str to int
        Failure mode -> examples in the set now, of ``before``.
    """
    size = before + sum(c.enters and c.had is None for c in claims)
    while True:
        most = max(least, int(share * size))
        counts, findings, entered = Counter(held), [], 0
        for claim in claims:
            brought = [m for m in claim.modes if m not in (claim.had or ())]
            full = [m for m in brought if counts[m] >= most]
            if full:
                findings.append(
                    Finding(
                        False,
                        f"“{plain(full[0], 80)}” has {counts[full[0]]:,} of {size:,} examples already, and at most {most:,}; take a rarer one",
                    )
                )
            else:
                told = ", ".join(f"“{plain(m, 40)}” {counts[m] + 1:,} of at most {most:,}" for m in brought)
                findings.append(Finding(True, told or "it has these failure modes in the set already"))
            if claim.enters and (claim.waived or not full):
                counts.update(brought)
                counts.subtract([m for m in claim.had or () if m not in claim.modes])
                entered += claim.had is None
        if before + entered >= size:
            return findings
        size = before + entered
