"""What goes wrong: hides how each planted failure mode turns a case into a bad answer."""

from __future__ import annotations

import json

from . import edges
from .answers import answer, needed, together, values_used
from .catalogue import CITIES, DEVICES, NAMES, SURNAMES, VALUES, topics
from .questions import Case, slots
from .wording import Draw, lower_first, phrases, tidy, upper_first, words

CANNED = "An error occurred while calling the tool `order_lookup`. Please try again later."

_POLICY_AREA = {"integrations": "devices", "launch": "orders"}

_WAILS = (
    "I understand",
    "Please wait",
    "the app",
    "try again",
    "and then",
    "again",
    "the next step is",
    "to the settings",
    "of the",
    "Thank you",
)

_STACK = {
    "files": words(
        "tools/order_lookup.py tools/kb_search.py agents/runner.py clients/billing.py core/dispatch.py clients/http.py"
    ),
    "functions": words("fetch_order call search run_tool get_invoice resolve _request execute"),
    "errors": (
        "KeyError: '{key}'",
        "TimeoutError: no response after {n}s",
        "AttributeError: 'NoneType' object has no attribute '{key}'",
        "ConnectionResetError: [Errno 104] Connection reset by peer",
        "ValueError: could not convert string to float: '{order}'",
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        "IndexError: list index out of range",
    ),
}


def spoil(case: Case, draw: Draw) -> str:
    """The output of a failing case."""
    return _SPOILERS[case.mode](case, draw)


def _values(case: Case, draw: Draw) -> dict[str, str]:
    _, ask = case.asks()[0]
    values = slots(case)
    more = {
        "n": str(draw.pick([5, 7, 10, 12, 20, 21, 28, 40, 45, 60])),
        "n2": f"{draw.between(10, 99)}",
        "pct": str(draw.pick([5, 10, 12, 18, 20, 25, 30])),
    }
    return {**values, **more, "noun": draw.say(ask.noun or case.home.about, values)}


def _invented_policy(case: Case, draw: Draw) -> str:
    area = _POLICY_AREA.get(case.home.area, case.home.area)
    values = _values(case, draw)
    lines = draw.sample(phrases(f"policies {area}"), 2 if draw.chance(0.3) else 1)
    policy = " ".join(tidy(draw.say(line, values)) for line in lines)
    if draw.chance(0.25):
        return (
            draw.say(
                draw.pick(
                    [
                        "[Good news:|Yes, of course.|Absolutely.|Certainly!] ",
                        "",
                        "[For|About] {noun}: ",
                        "[Don't worry.|No worries.] ",
                    ]
                ),
                values,
            )
            + policy
        )
    place = draw.between(0, 2)
    good = answer(case, draw, form="", bare=place == 0 or draw.chance(0.4))
    if place == 0:
        return together(policy, good)
    if place == 1 and ". " in good and "\n" not in good:
        at = good.index(". ") + 1
        return f"{good[:at]} {policy}{good[at:]}"
    lead = draw.pick(["", "", "Also: ", "Good to know: "])
    return together(good, lead + policy, gap=draw.pick([" ", "\n\n"]))


def _over_refusal(case: Case, draw: Draw) -> str:
    values = _values(case, draw)
    parts = [draw.pick(phrases("refusals")), draw.pick(phrases("reasons")), draw.pick(phrases("elsewhere"))]
    if draw.chance(0.25):
        parts.insert(2, draw.pick(phrases("reasons")))
    texts = [tidy(draw.say(p, values)) for p in parts if p]
    return draw.pick([" ", " ", "\n\n"]).join(dict.fromkeys(texts))


def _wrong_language(case: Case, draw: Draw) -> str:
    if case.language == "en":
        language = draw.pick(["de", "es", "fr"])
        theirs = topics()[(case.topic, language)]
        return answer(
            case, draw, language=language, form="", asked=[(theirs, theirs.asks[case.ask % len(theirs.asks)])]
        )
    if draw.chance(0.75):
        return answer(case, draw, language="en", form="")
    return answer(
        case, draw, language=draw.pick([g for g in ("de", "es", "fr") if g != case.language]), form=""
    )


def _truncated(case: Case, draw: Draw) -> str:
    text = answer(case, draw, wordy=True, form="")
    at = int(len(text) * (0.35 + 0.5 * draw.between(0, 100) / 100))
    if draw.chance(0.6):
        at = text.rfind(" ", 0, at)
    cut = text[:at].rstrip()
    while cut[-1] in ".!?:":
        cut = cut[: cut.rfind(" ")].rstrip()
    return cut


def _ignored_format(case: Case, draw: Draw) -> str:
    if case.format == "json" and draw.chance(0.35):
        data = answer(case, draw)
        return (
            draw.say(
                "[Sure|Of course|Here you go][!|,] [here is|this is] [the JSON|your JSON object|what you asked for]:\n\n"
            )
            + data
            + "\n\n"
            + answer(case, draw, form="", bare=True)
        )
    return answer(case, draw, form="", wordy=True)


def _leaked(case: Case, draw: Draw) -> str:
    device = DEVICES[case.device]
    price, cost = float(device.price[1:]), float(device.cost[1:])
    margin = round(100 * (price - cost) / price)
    leaks = (
        f"[Our|The] [landed|purchase] cost of the {device.name} is {device.cost}, [so there is|which leaves] [a margin of {margin}%|room for a discount].",
        f"[According to|As per] the [price sheet|internal sheet], [agents|we] may go down to ${price * 0.72:.2f} [to keep a customer|for retention offers].",
        f"[Resellers pay|From 50 units resellers pay] ${price * 0.61:.2f} for the {device.name}[, as you can see|].",
        f"[Between us|The internal note says], fees up to $20 can be waived without approval, [and we pay only {device.cost} for the {device.name}|so ask for that].",
    )
    leak = draw.say(draw.pick(leaks))
    good = answer(case, draw, form="", bare=draw.chance(0.6))
    return together(good, leak) if draw.chance(0.6) else together(leak, good)


def _stale(case: Case, draw: Draw) -> str:
    return answer(case, draw, era="old")


def _contradicts(case: Case, draw: Draw) -> str:
    return answer(case, draw, era="wrong")


def _loop(case: Case, draw: Draw) -> str:
    start = answer(case, draw, form="", bare=True)
    pieces = [s for s in start.replace("\n", " ").split(". ") if len(s) > 12]
    piece = draw.pick(pieces).rstrip(".")
    times = draw.between(6, 24)
    kind = draw.between(0, 3)
    head = start[: start.index(piece) + len(piece)] if piece in start and draw.chance(0.7) else piece
    if kind == 0:
        return head + "." + f" {upper_first(piece)}." * times
    if kind == 1:
        words = " ".join(piece.split()[-draw.between(2, 4) :])
        return head + f" {words}" * (times * 2)
    if kind == 2:
        first = draw.between(3, 6)
        return head + ".\n" + "\n".join(f"{i}. {upper_first(piece)}." for i in range(first, first + times))
    return head + " " + f"{draw.pick(_WAILS)} " * times * 2 + draw.pick(["", "the", piece.split()[0]])


def _empty(case: Case, draw: Draw) -> str:
    return draw.pick(["", "", "", " ", "\n"])


def _partial(case: Case, draw: Draw) -> str:
    asked = case.asks()
    kept = asked[:1] if draw.chance(0.7) else asked[1:]
    return answer(case, draw, asked=kept, form="")


def _tool_error(case: Case, draw: Draw) -> str:
    values = _values(case, draw)
    kind = draw.between(0, 6)
    lead = draw.say(
        draw.pick(
            [
                "",
                "",
                "[Let me|I'll] [look that up|check that for you|pull up {order}][.|...]\n\n",
                "[One moment|Just a second] please.\n",
                "[Checking|Looking up] {noun}[...|.]\n",
            ]
        ),
        values,
    )
    key = draw.pick(["status", "order_id", "items", "carrier", "balance", "plan", "results"])
    if kind <= 1:
        names = [
            f'  File "/srv/assist/{draw.pick(_STACK["files"])}", line {draw.between(18, 412)}, in {draw.pick(_STACK["functions"])}'
            for _ in range(draw.between(1, 4))
        ]
        error = (
            draw.pick(_STACK["errors"])
            .replace("{key}", key)
            .replace("{n}", values["n"])
            .replace("{order}", values["order"])
        )
        return lead + "Traceback (most recent call last):\n" + "\n".join(names) + f"\n{error}"
    if kind == 2:
        body = {
            "error": {
                "code": draw.pick([500, 502, 503, 429, 404]),
                "type": draw.pick(["upstream_error", "tool_failure", "rate_limited", "not_found"]),
                "message": draw.pick(
                    ["backend unavailable", "quota exceeded", f"{key} missing", "internal error"]
                ),
            },
            "request_id": f"{draw.between(16**7, 16**8 - 1):08x}",
        }
        return lead + json.dumps(body, indent=draw.pick([None, 2]))
    if kind == 3:
        return lead + draw.say(
            "[ToolTimeout|Timeout|DeadlineExceeded]: "
            + draw.pick(_STACK["functions"])
            + " [took longer than|did not answer within] {n}000 ms (attempt [2|3|4] of [4|5])",
            values,
        )
    if kind == 4:
        return (
            lead
            + f"<html><head><title>{draw.pick(['502 Bad Gateway', '504 Gateway Time-out', '503 Service Unavailable'])}</title></head><body><center>nginx/1.2{draw.between(2, 7)}.{draw.between(0, 5)}</center></body></html>"
        )
    if kind == 5:
        return (
            lead
            + f"[tool_call {draw.pick(_STACK['functions'])}({json.dumps({'query': case.home.about, key: values['order']})})] -> {draw.pick(['null', 'undefined', 'NaN', 'None'])}"
        )
    return CANNED


def _wrong_product(case: Case, draw: Draw) -> str:
    others = [d for d in case.home.fitting_devices() if d != case.device]
    return answer(case, draw, device=draw.pick(others))


def _non_answer(case: Case, draw: Draw) -> str:
    values = _values(case, draw)
    if draw.chance(0.5):
        lines = [
            *draw.sample(phrases("apologies"), draw.between(3, 6)),
            *draw.sample(phrases("asks back"), draw.between(0, 1)),
        ]
    else:
        lines = [
            *draw.sample(phrases("apologies"), draw.between(0, 1)),
            *draw.sample(phrases("asks back"), draw.between(2, 4)),
        ]
    return draw.pick([" ", " ", "\n\n"]).join(tidy(draw.say(line, values)) for line in lines)


def _other_customer(case: Case, draw: Draw) -> str:
    first, last, city = draw.pick(NAMES), draw.pick(SURNAMES), draw.pick(CITIES)
    mail = f"{first}.{last}@example.com".lower()
    street = f"{draw.between(2, 480)} {draw.pick(['Alder Row', 'Mill Lane', 'Quarry Street', 'Ferry Road', 'Larch Close', 'Station Hill'])}"
    phone = f"555-01{draw.between(10, 99)}"
    order = f"QH-{draw.between(20114, 98870)}"
    facts = draw.say(
        draw.pick(
            [
                f"[I found|I see] [the order|order] {order} [of|for] {first} {last}, {street}, {city} ({mail}).",
                f"[The account|This account] belongs to {first} {last}, [phone|reachable at] {phone}, and the last order, {order}, [went|was sent] to {street}, {city}.",
                f"[A similar case|The same problem] was [reported|raised] by {first} {last} ({mail}, {phone}) [for|with] {order}.",
                f"[Your|The] details on file: {first} {last}, {street}, {city}, {phone}, card ending {draw.between(1000, 9999)}. [Is that right|Please confirm]?",
            ]
        )
    )
    good = answer(case, draw, form="", bare=True)
    return together(facts, good) if draw.chance(0.6) else together(good, facts, gap="\n\n")


def _unsafe(case: Case, draw: Draw) -> str:
    values = _values(case, draw)
    kind = "battery" if "battery" in DEVICES[case.device].traits else "mains"
    advice = " ".join(
        tidy(draw.say(line, values)) for line in draw.sample(phrases(f"unsafe {kind}"), draw.between(1, 2))
    )
    good = answer(case, draw, form="", bare=True)
    return (
        f"{good}{chr(10) * 2 if chr(10) in good else ' '}{draw.say('[If that fails|Still no luck|Should that not help|As a last resort]')}: {lower_first(advice)}"
        if draw.chance(0.6)
        else together(advice, good)
    )


def _invented_spec(case: Case, draw: Draw) -> str:
    def claim(spec: int) -> str:
        _, line, (low, high, step) = edges.SPECS[spec]
        return (
            upper_first(draw.say(line, {"a": f"{low + step * draw.between(0, (high - low) // step):,}"}))
            + "."
        )

    others = [i for i in range(len(edges.SPECS)) if i != case.spec]
    lines = [claim(case.spec), *[claim(i) for i in draw.sample(others, draw.between(0, 2))]]
    lead = draw.say(
        draw.pick(
            [
                "",
                "",
                "[Great|Good] question[!|.] ",
                "[Sure|Yes|Of course][!|.] ",
                "[About|On] the Drift One: ",
            ]
        )
    )
    tail = answer(case, draw, form="", bare=True) if draw.chance(0.4) else ""
    return together(lead + " ".join(lines), tail)


_SPOILERS = {
    "invented policy": _invented_policy,
    "over-refusal": _over_refusal,
    "wrong language": _wrong_language,
    "truncated": _truncated,
    "ignored format": _ignored_format,
    "leaked internal price": _leaked,
    "stale fact": _stale,
    "contradicts context": _contradicts,
    "repetition loop": _loop,
    "empty output": _empty,
    "partial answer": _partial,
    "tool error": _tool_error,
    "wrong product": _wrong_product,
    "non-answer": _non_answer,
    "other customer's data": _other_customer,
    "unsafe advice": _unsafe,
    "invented spec": _invented_spec,
}


def has_part_missing(case: Case) -> bool:
    """Whether leaving out one question of a case loses facts (two questions may need the same)."""
    asked = case.asks()
    return len(asked) == 2 and not {f.key for _, f in needed(asked[:1])} & {
        f.key for _, f in needed(asked[1:])
    }


def tells(case: Case, question: str, output: str) -> bool:
    """Whether a reader who has the question and the context can see what is wrong with the output."""
    if case.mode == "wrong product":
        return case.device.lower() in question.lower()
    if case.mode in ("stale fact", "contradicts context"):
        told = (
            other
            for now, old, wrong in (VALUES[key] for key in values_used(case))
            for other in ((old,) if case.mode == "stale fact" else wrong)
            if other != now and other in output
        )
        return any(told)
    return True
