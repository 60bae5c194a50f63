"""Who asks what, when, and which case fails how: hides the calendar, sessions and the counts that are planted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from . import edges
from .answers import differs
from .catalogue import topics
from .failures import has_part_missing
from .questions import FORMATS, PERSONAS, Case, name_things
from .wording import Draw

SEED = 20260518
START = datetime(2026, 5, 18, tzinfo=UTC)  # a Monday
PER_WEEK = (472, 480, 488, 496, 502, 508, 522, 532)
PROMPT_CHANGE = 5  # the week that starts with prompt v4
LAUNCH = 7  # the week in which the Drift One is announced
ABROAD = ("returns", "delivery", "warranty", "pairing", "cancel plan")

_HOURS = (
    2,
    1,
    1,
    1,
    1,
    1,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    9,
    11,
    12,
    12,
    11,
    11,
    11,
    10,
    8,
    6,
    4,
)  # UTC; customers live in North America
_WEEKDAYS = (1.2, 1.15, 1.1, 1.05, 1.0, 0.72, 0.66)

# How many of each mode, before and after the prompt change.
_PLANTED = {
    "invented policy": (40, 42),
    "over-refusal": (60, 4),
    "ignored format": (1, 61),
    "partial answer": (25, 27),
    "wrong language": (20, 20),
    "truncated": (15, 22),
    "contradicts context": (20, 21),
    "stale fact": (19, 18),
    "tool error": (14, 18),
    "wrong product": (15, 15),
    "non-answer": (22, 20),
    "empty output": (8, 8),
    "repetition loop": (8, 9),
    "leaked internal price": (6, 7),
    "other customer's data": (4, 4),
    "unsafe advice": (3, 3),
    "invented spec": (0, 22),
}


def plan() -> list[Case]:
    """All turns in order of time, each with its topic, user and failure mode, and no words yet."""
    draw = Draw(SEED, 1)
    cases: list[Case] = []
    for week, volume in enumerate(PER_WEEK, start=1):
        made = 0
        while made < volume:
            turns = min(draw.pick([1, 2, 3, 4], weights=[72, 16, 8, 4]), volume - made)
            cases += _session(week, turns, draw)
            made += turns
    cases.sort(key=lambda c: (c.when, c.session, c.turn))
    for number, case in enumerate(cases):
        case.number = number
    _plant(cases, Draw(SEED, 2))
    _follow_up(cases, Draw(SEED, 3))
    return cases


def _session(week: int, turns: int, draw: Draw) -> list[Case]:
    day = draw.pick(range(7), weights=_WEEKDAYS)
    hour = draw.pick(range(24), weights=_HOURS)
    seconds = draw.between(0, 3599)
    when = START + timedelta(
        weeks=week - 1, days=day, hours=hour, seconds=seconds, milliseconds=draw.between(0, 999)
    )
    latest = START + timedelta(weeks=week) - timedelta(minutes=25)
    when = min(when, latest)
    session = f"s_{draw.between(16**7, 16**8 - 1):08x}"
    number = draw.between(10000, 12600)
    user, who = f"u_{number}", Draw(SEED, 9, number)  # the same person writes alike in every session
    persona = who.pick(list(PERSONAS), weights=list(PERSONAS.values()))
    language = who.pick(["en", "de", "es", "fr"], weights=[93, 2.4, 2.6, 2.0])
    known = [t for (_, g), t in topics().items() if g == "en" and t.weight]
    topic = draw.pick(known, weights=[t.weight for t in known]).name
    if language != "en":
        topic = draw.pick(ABROAD)
    elif week >= LAUNCH and draw.chance(0.115):
        topic = "drift one"
    device = draw.pick(topics()[(topic, "en")].fitting_devices())
    cases = []
    for turn in range(turns):
        if turn and language == "en" and draw.chance(0.3) and topic != "drift one":
            topic = draw.pick(known, weights=[t.weight for t in known]).name
            if device not in topics()[(topic, "en")].fitting_devices():
                device = draw.pick(topics()[(topic, "en")].fitting_devices())
        elif turn and language != "en":
            topic = draw.pick(ABROAD)
        case = Case(
            0, when, week, session, user, persona, language, topic, draw.between(0, 5), device, turn=turn
        )
        case.ask %= len(topics()[(topic, language)].asks)
        if language == "en":
            _shape(case, draw)
        name_things(case, draw)
        if cases:
            case.named = {**case.named, **{k: cases[0].named[k] for k in ("order", "name", "city")}}
        case.archived = draw.chance(0.03)
        case.internal = draw.chance(0.02)
        cases.append(case)
        when += timedelta(seconds=draw.between(35, 420), milliseconds=draw.between(0, 999))
    return cases


def _shape(case: Case, draw: Draw) -> None:
    """Two questions in one, a wish for a format, or a specification nobody has published."""
    topic = topics()[(case.topic, "en")]
    if case.topic == "drift one" and draw.chance(0.5):
        case.spec = draw.between(0, len(edges.SPECS) - 1)
        return
    if draw.chance(0.16):
        if draw.chance(0.6) or case.topic == "drift one":
            case.second = (case.topic, (case.ask + 1) % len(topic.asks))
        else:
            fits = [
                t
                for (_, g), t in topics().items()
                if g == "en" and t.weight and t.name != case.topic and case.device in t.fitting_devices()
            ]
            other = draw.pick(fits, weights=[t.weight for t in fits])
            case.second = (other.name, draw.between(0, len(other.asks) - 1))
    if draw.chance(0.06):
        _wish(case, draw)


def _wish(case: Case, draw: Draw) -> None:
    case.format = draw.pick(list(FORMATS), weights=list(FORMATS.values()))
    case.second = case.second if case.format in ("bullets", "json", "table") else None
    topic, ask = case.asks()[0]
    if case.format == "numbered" and sum(bool(topic.facts[k].steps) for k in ask.needs) < 2:
        case.format = "bullets"
    case.limit = draw.pick([20, 25, 30, 40])


def _plant(cases: list[Case], draw: Draw) -> None:
    """Choose the edge cases, then for each mode, rarest first, the cases that can fail that way."""
    plain = [
        c
        for c in cases
        if c.language == "en" and not c.second and not c.format and c.spec < 0 and c.topic != "drift one"
    ]
    for edge, count in edges.EDGES.items():
        for case in draw.sample(
            [c for c in plain if not c.edge and (c.turn == 0 or edge == "very long context")], count
        ):
            case.edge = edge
    for mode, both in sorted(_PLANTED.items(), key=lambda item: sum(item[1])):
        for late, count in enumerate(both):
            fits = [
                c for c in cases if (c.week >= PROMPT_CHANGE) == bool(late) and not c.mode and _fits(mode, c)
            ]
            weights = [_lean(mode, c) for c in fits]
            for case in _choose(fits, weights, count, draw):
                case.mode = mode
                if mode == "ignored format" and not case.format:
                    _wish(case, draw)
                case.archived = case.archived or mode == "stale fact"
                case.internal = case.internal or mode == "leaked internal price"
                if mode == "partial answer" and not case.second:
                    raise ValueError(f"case {case.number} has one question only")


def _choose(fits: list[Case], weights: list[float], count: int, draw: Draw) -> list[Case]:
    """Weighted picks; each makes its topic less likely, so that rare modes spread too."""
    if len(fits) < count:
        raise ValueError(f"{count} cases wanted, {len(fits)} fit; raise the share of such cases in _shape")
    chosen: list[Case] = []
    while len(chosen) < count:
        case = draw.pick(fits, weights=weights)
        weights = [0.75 * w if c.topic == case.topic else w for w, c in zip(weights, fits, strict=True)]
        weights[fits.index(case)] = 0.0
        chosen.append(case)
    return chosen


_EVERY_EDGE = {"empty output", "tool error", "truncated", "non-answer", "repetition loop"}
_PLAIN_MODES: dict[str, Callable[[Case], bool]] = {
    "ignored format": lambda c: (
        c.spec < 0 and not c.edge and c.turn == 0 and (c.format != "" or not c.second)
    ),
    "partial answer": lambda c: has_part_missing(c) and not c.format,
    "wrong language": lambda c: c.language != "en" or (c.topic in ABROAD and not c.second),
    "contradicts context": lambda c: not c.second and not c.format and differs(c, era="wrong"),
    "stale fact": lambda c: not c.second and not c.format and differs(c, era="old"),
    "wrong product": lambda c: (
        c.topic in ("pairing", "factory reset", "battery", "placement", "firmware")
        and not c.second
        and not c.format
    ),
    "other customer's data": lambda c: c.home.area in ("orders", "money", "returns", "account"),
    "unsafe advice": lambda c: (
        c.topic in ("battery", "factory reset", "placement", "repair", "offline", "firmware")
    ),
    "over-refusal": lambda c: not c.format,
    "invented policy": lambda c: not c.format,
    "leaked internal price": lambda c: c.home.area in ("orders", "money", "returns", "plans", "care"),
}


def _fits(mode: str, case: Case) -> bool:
    if mode == "invented spec":
        return case.spec >= 0
    if case.spec >= 0:
        return False
    if case.language != "en":
        return mode == "wrong language" or mode in ("empty output", "tool error")
    if case.edge and mode not in _EVERY_EDGE:
        lenient = case.edge in ("very long context", "unusual phrasing") or (case.edge, mode) == (
            "adversarial phrasing",
            "leaked internal price",
        )
        if not lenient or mode == "wrong language":
            return False
    if case.edge in ("multi-hop", "beyond knowledge", "one word") and mode != "empty output":
        return False
    return _PLAIN_MODES.get(mode, lambda _: True)(case)


def _lean(mode: str, case: Case) -> float:
    """Some modes lean to some topics, none is confined to one."""
    if mode == "over-refusal":
        return (
            4.0
            if case.topic
            in ("lock codes", "two-step", "suspicious sign-in", "recordings", "privacy", "factory reset")
            else 1.0
        )
    if mode == "invented policy":
        return 2.5 if case.home.area in ("returns", "money", "orders") else 1.0
    if mode == "leaked internal price":
        return (
            12.0
            if case.edge == "adversarial phrasing"
            else 2.0
            if case.topic in ("business", "promo codes")
            else 1.0
        )
    if mode == "wrong language":
        return 5.0 if case.language != "en" else 1.0
    if mode == "tool error":
        return 3.0 if case.topic in ("order status", "refunds", "invoice") else 1.0
    if mode == "truncated":
        return 2.0 if case.second or case.edge == "very long context" else 1.0
    return 1.0


def _follow_up(cases: list[Case], draw: Draw) -> None:
    """After a failed turn, the next one often asks the same again."""
    last: dict[str, Case] = {}
    for case in cases:
        before = last.get(case.session)
        last[case.session] = case
        if (
            not before
            or not before.mode
            or case.mode
            or case.edge
            or case.spec >= 0
            or before.spec >= 0
            or before.edge
        ):
            continue
        if case.language == before.language == "en" and draw.chance(0.5):
            case.topic, case.ask, case.device, case.named = (
                before.topic,
                before.ask,
                before.device,
                dict(before.named),
            )
            case.second, case.format, case.complains = None, "", True
