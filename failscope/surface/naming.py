"""What a cluster is called: hides how behaviours and phrases become a name, and differences a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from failscope.surface.differences import MEDIUM, Difference, amount, share
from failscope.surface.phrases import Phrase

FAR = 1.6
"""Medium effects from which on a behaviour names a cluster: about what Cohen calls a large effect."""

TELLING = 0.2
"""A phrase in a smaller share of a cluster's texts does not speak for the cluster."""

MARKS = 2.0
"""How many times as often as elsewhere a phrase must be there to name a cluster."""

WORDS = 180
"""Characters of a sentence's differences from which on a third is left out."""

LONG = 80
"""Characters of a name; one that must be told from another may have a few more."""

WORDY = 40
"""A behaviour that takes more characters to say comes after a shorter one."""


def short_names(
    differences: Mapping[int, Sequence[Difference]],
    phrases: Mapping[int, Sequence[Phrase]],
    *,
    probes: Mapping[str, Mapping[str, Any]],
    alike: Callable[[Difference, Difference], bool],
) -> dict[int, str]:
    """A short name for each cluster: what it does, then a phrase; no two are equal.

    A flag that hints at a failure comes before other behaviours, a flag before an amount, then the larger effect.
    Where several clusters have the same first behaviour, a second one follows that the others have less of.

    Parameters
    ----------
    differences : mapping
        Cluster -> what sets it apart, the largest effect first.
    phrases : mapping
        Cluster -> phrases of its outputs and inputs.
    probes : mapping
        Name -> the probe's ``more, less, kind, hint``.
    alike : callable
        Whether two differences say nearly the same of all traces.
    """
    far = {c: _behaviours(found, probes) for c, found in differences.items()}
    says = {c: [_called(d, probes) for d in found] for c, found in far.items()}
    first: dict[str, list[int]] = {}
    for c, said in says.items():
        if said:
            first.setdefault(said[0], []).append(c)
    names: dict[int, str] = {}
    taken: set[str] = set()
    for c in differences:
        rivals = [r for r in first.get(says[c][0], []) if r != c] if says[c] else []
        # what those with the same first behaviour say as well is only that behaviour once more
        common: dict[str, float] = {}
        for p in (p for r in rivals for p in phrases[r]):
            common[p.text.casefold()] = max(p.share, common.get(p.text.casefold(), 0.0))
        own = [
            p.text for p in phrases[c] if _speaks(p) and common.get(p.text.casefold(), 0) < p.share / MARKS
        ]
        parts = [says[c][0]] if says[c] else []
        if rivals or not own:
            room = LONG - len(", ".join([*parts, ""]))
            fits = [d for i, d in enumerate(far[c]) if i == 0 or len(says[c][i]) <= room]
            second = _second(fits, [far[r] for r in rivals], alike)
            if second is not None:
                # a long one would hide the other where there is little room
                parts = sorted([*parts, _called(second, probes)], key=lambda part: len(part) > WORDY)
        name = ", ".join(parts)
        room = LONG - len(name) - 3
        own = [p for p in own if not _repeats(p, name) and len(p) <= room]
        spare = [*own, *(p.text for p in phrases[c] if p.text not in own and not _repeats(p.text, name))]
        if own:
            name = " · ".join([*filter(None, [name]), spare.pop(0)])
            more = [p for p in own[1:] if not _repeats(p, name)]
            if not parts and " " not in name and more:
                name = f"{name} · {more[0]}"  # one word alone says little
                spare.remove(more[0])
        if not name:
            mild = [d for d in differences[c] if d.kind in ("flag", "amount") and d.name in probes]
            name = _called(mild[0], probes) if mild else spare.pop(0) if spare else f"cluster {c}"
        if name.casefold() in taken:
            more = [f"{said}, {name}" for said in says[c] if said not in parts]
            more += [f"{name} · {p}" for p in spare if not _repeats(p, name)]
            name = next((m for m in more if m.casefold() not in taken and len(m) < LONG + 16), name)
        names[c] = name if name.casefold() not in taken else f"{name} ({c})"
        taken.add(names[c].casefold())
    return names


def sentence(
    differences: Sequence[Difference],
    about: Sequence[Phrase],
    neighbour: tuple[str, Sequence[Difference]] | None,
    *,
    probes: Mapping[str, Mapping[str, Any]],
    alike: Callable[[Difference, Difference], bool],
) -> str:
    """What a cluster does, about what, and how it differs from the one most like it; "" where nothing is known.

    Parameters
    ----------
    differences : sequence of Difference
        From all other traces, the largest effect first.
    about : sequence of Phrase
        Of its inputs.
    neighbour : (name, differences) or None
        The cluster most like it, and the differences from that one alone.
    """
    # what it does says more than what it does not do
    found = sorted(differences, key=_is_lacking)
    parts = [_said(d, probes) for d in _distinct(found, alike, 3)]
    if len("; ".join(parts)) > WORDS:
        parts = parts[:2]
    topic = [p.text for p in about if _speaks(p)]
    if topic:
        parts.append("about " + ", ".join(topic[:3]))
    if neighbour is not None:
        name, apart = neighbour
        but = [_said(d, probes, against=False) for d in _distinct(sorted(apart, key=_is_lacking), alike, 2)]
        if but:
            parts.append(f"most like “{name}”, but {' and '.join(but)}")
    return "; ".join(parts)


def _speaks(phrase: Phrase) -> bool:
    """Whether a phrase is there often enough, and seldom enough elsewhere, to speak for its cluster."""
    return phrase.share >= TELLING and phrase.share >= MARKS * phrase.elsewhere


def _is_lacking(d: Difference) -> bool:
    return d.kind in ("flag", "field") and d.effect < 0


def _behaviours(found: Sequence[Difference], probes: Mapping[str, Mapping[str, Any]]) -> list[Difference]:
    """The behaviours that may name a cluster; what it does not do is no name for it."""
    far = [
        d
        for d in found
        if d.kind in ("flag", "amount")
        and d.name in probes
        and abs(d.effect) >= FAR
        and (d.kind != "flag" or (d.effect > 0 and d.here >= 0.5))
    ]

    def tier(d: Difference) -> int:
        hint = bool(probes[d.name]["hint"]) and d.effect > 0
        return 0 if hint and d.kind == "flag" else 1 if hint or d.kind == "flag" else 2

    return sorted(far, key=lambda d: (tier(d), -round(abs(d.effect), 1), d.says))


def _second(
    own: Sequence[Difference],
    rivals: Sequence[Sequence[Difference]],
    alike: Callable[[Difference, Difference], bool],
) -> Difference | None:
    """The behaviour after the first one that those with the same first one have least of."""
    best, most = None, 1.0
    for d in own[1:]:
        if alike(own[0], d):
            continue
        theirs = [next((o.effect for o in rival if o.name == d.name), 0.0) for rival in rivals]
        more = abs(d.effect - (sum(theirs) / len(theirs) if theirs else 0.0))
        if more > most + 0.1:
            best, most = d, more
    return best


def _distinct(
    found: Sequence[Difference], alike: Callable[[Difference, Difference], bool], n: int
) -> list[Difference]:
    """The first n that do not say the same as one before them."""
    chosen: list[Difference] = []
    for d in found:
        if len(chosen) == n:
            break
        if not any(alike(d, c) for c in chosen):
            chosen.append(d)
    return chosen


def _called(d: Difference, probes: Mapping[str, Mapping[str, Any]]) -> str:
    return str(probes[d.name]["more" if d.effect > 0 else "less"])


def _said(d: Difference, probes: Mapping[str, Mapping[str, Any]], *, against: bool = True) -> str:
    if d.kind in ("flag", "field"):
        figures = (
            f" ({share(d.here)}, elsewhere {share(d.elsewhere)})"
            if against
            else (f" ({share(d.here)}, there {share(d.elsewhere)})")
        )
        if d.kind == "field" or d.effect > 0:
            return d.what + figures
        never = "never" if d.here == 0 else "seldom"
        be, _, rest = d.what.partition(" ")
        return f"is {never} {rest}{figures}" if be == "is" else f"{never} {d.what}{figures}"
    if d.kind == "number":
        return f"{d.what} {amount(d.here)} ({'elsewhere' if against else 'there'} {amount(d.elsewhere)})"
    # the share of pairs in which the trace from here is ahead, from Cliff's delta; it needs no unit
    ahead = (1 + min(abs(d.effect) * MEDIUM[d.kind], 1.0)) / 2
    side = "above" if d.effect > 0 else "below"
    if not against:
        return _called(d, probes)
    most = "all" if ahead == 1 else f"{share(ahead)} of"
    return f"{_called(d, probes)} ({side} {most} the rest)"


def _repeats(phrase: str, name: str) -> bool:
    """Whether a phrase and the name have half of their words in common, as "refuses · I refuse"."""
    words, said = ({w[:5] for w in text.casefold().split()} for text in (phrase, name))
    return 2 * len(words & said) >= len(words)
