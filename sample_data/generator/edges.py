"""Messages at the edge of what an assistant meets: hides how each is asked and what a good answer to it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from .answers import answer, together
from .catalogue import DEVICES, topics
from .questions import EMOJI, Case, compose, name_things, slots
from .wording import Draw, lower_first, tidy, typos

EDGES = {
    "mixed languages": 40,
    "adversarial phrasing": 44,
    "multi-hop": 48,
    "very long context": 30,
    "unusual phrasing": 36,
    "beyond knowledge": 44,
    "emoji or typos": 30,
    "one word": 14,
}

_UNKNOWN = (
    (
        "[Is the {device}|Would you say the {device} is] better than the one from [Brandname|the big brands|Acme Home]?",
        "how other brands compare",
    ),
    ("[What will|How will] [your|the Quillhaven] share price [do|be] [next year|in autumn]?", "share prices"),
    (
        "[Does|Can] the {device} [work|be used] [on a boat|in a sauna|in a greenhouse|under water|in a horse stable]?",
        "use in such a place",
    ),
    (
        "[Will there be|When will you launch] [a solar version|a version with LTE|a garage opener|a pet feeder]?",
        "future products",
    ),
    ("What's the weather [going to be |][in {city}|tomorrow]?", "the weather"),
    (
        "[Who|What kind of people] [works|work] in your [warehouse|workshop] in {city}[, and what do they earn|]?",
        "our staff",
    ),
    (
        "[Is it|Am I] [legal|allowed] to film [the street|my neighbour's drive|the stairwell] [in my state|in {city}]?",
        "local law",
    ),
    (
        "[My doctor says|I have asthma and was told] I need [cleaner|better] air. Which [value|setting] is [healthy|safe]?",
        "medical questions",
    ),
    (
        "Can you [help me with|do|check] my [tax return|maths homework|cover letter|sourdough]?",
        "that subject",
    ),
    (
        "How many [kilowatt hours|units of power] does the {device} [use|need] [a year|per day]?",
        "its yearly power use",
    ),
    ("[Which|What] [chip|processor|operating system] is in the {device}?", "its inner parts"),
    ("[Is|Was] the {device} made [without child labour|in China|in a union shop]?", "the supply chain"),
)
SPECS = (
    (
        "how strong its suction is",
        "[It has|The suction is] {a} Pa[, more than enough for carpets|]",
        (2400, 9000, 100),
    ),
    (
        "whether it mops",
        "[Yes, it|It] mops [too|as well], with a {a} ml tank[ and heated water|]",
        (120, 480, 10),
    ),
    (
        "how long its battery lasts",
        "[It runs|The battery lasts] {a} minutes [on one charge|in quiet mode]",
        (75, 260, 5),
    ),
    (
        "how loud it is",
        "[It stays|Expect it to stay] [at|below] {a} dB[, quieter than a dishwasher|]",
        (42, 68, 1),
    ),
    (
        "how many floor plans it remembers",
        "[It stores|You can save] {a} floor plans[ and switches by itself|]",
        (2, 12, 1),
    ),
    (
        "how high a threshold it can climb",
        "[It climbs|Thresholds of up to] {a} mm[ are no problem|]",
        (12, 40, 1),
    ),
    (
        "how big its dust box is",
        "The dust box [holds|takes] {a} ml[, which lasts about a week|]",
        (250, 700, 10),
    ),
    (
        "whether it empties itself",
        "The dock empties it [by itself|automatically] and [holds|stores dust for] {a} days",
        (20, 90, 5),
    ),
    (
        "whether it avoids cables and pet mess",
        "[It|The camera] recognises {a} kinds of obstacles[, cables and pet mess included|]",
        (12, 120, 2),
    ),
    ("how tall it is", "[It is|The body is] {a} mm tall[, so it fits under most sofas|]", (72, 110, 1)),
)


def ask(case: Case, draw: Draw) -> str:
    """The message of an edge case (a very long context has a plain message)."""
    values = slots(case)
    topic, intent = case.asks()[0]
    if case.spec >= 0:
        what = SPECS[case.spec][0]
        story = draw.phrase("launch stories", values) if draw.chance(0.7) else ""
        forms = [
            "Do you know {what}?",
            "Can you tell me {what}?",
            "I'd like to know {what}.",
            "Any idea {what}?",
            "I was wondering {what}.",
            "Could I ask {what}?",
        ]
        want = draw.pick(forms).replace("{what}", what)
        if not story or not story.endswith("Drift One:"):
            want = (
                want.replace("its ", "the Drift One's ", 1)
                if "its " in want
                else want.replace(" it ", " the Drift One ", 1)
            )
        else:
            want = lower_first(want)
        return tidy(f"{story} {want}".replace(" .", "."))
    if case.edge == "mixed languages":
        language = draw.pick(["de", "es", "fr"])
        theirs = (
            topics()[(topic.name, language)]
            if (topic.name, language) in topics()
            else topics()[("returns", language)]
        )
        named = replace(case, language=language)
        name_things(named, draw)
        foreign = slots(named)
        first = draw.say(draw.pick(theirs.asks[0].stories), foreign)
        second = draw.say(draw.pick(intent.directs), values)
        return tidy(" ".join([first, second] if draw.chance(0.65) else [second, first]))
    if case.edge == "adversarial phrasing":
        parts = [draw.phrase("injections", values), draw.phrase("wants", values)]
        parts += [draw.phrase("injections", values)] if draw.chance(0.3) else []
        parts += [draw.say(draw.pick(intent.directs), values)] if draw.chance(0.4) else []
        return tidy(" ".join(dict.fromkeys(draw.shuffled(parts) if draw.chance(0.4) else parts)))
    if case.edge == "unusual phrasing":
        extra = {
            "noun": draw.say(intent.noun, values),
            "keys": draw.say(draw.pick(intent.keys or intent.directs), values),
            "direct": draw.say(draw.pick(intent.directs), values),
            "other": lower_first(draw.say(draw.pick(intent.clauses or intent.directs), values)),
        }
        return tidy(draw.phrase("unusual", {**values, **extra}))
    if case.edge == "beyond knowledge":
        return tidy(draw.say(_UNKNOWN[case.number % len(_UNKNOWN)][0], values))
    if case.edge == "emoji or typos":
        if _wordless(case):
            return "".join(
                draw.pick([*EMOJI, "🔒", "🚪", "💧", "📷", "💸", "🕐"]) for _ in range(draw.between(2, 6))
            ) + draw.pick(["", "?", "??", " !"])
        return typos(compose(case, draw).lower(), draw, rate=0.6)
    if case.edge == "one word":
        key = draw.say(draw.pick(intent.keys or [topic.name]), values)
        return draw.pick(
            [
                topic.name,
                topic.name + "??",
                key.split()[-1],
                case.device.lower(),
                "help",
                "hello?",
                "agent",
                "human please",
                "?",
                "test",
            ]
        )
    return compose(case, draw)


def reply(case: Case, draw: Draw) -> str:
    """A good answer to an edge case."""
    _, intent = case.asks()[0]
    values = {**slots(case), "noun": draw.say(intent.noun, slots(case))}
    if case.spec >= 0:
        what = SPECS[case.spec][0]
        known = answer(case, draw, bare=True, form="")
        texts = [
            "[I don't have|There is no|I can't find a] [published |]figure [yet for|on] this: {what}.",
            "[Our launch page|The launch article] [doesn't say|says nothing about] {what}[ yet|].",
            "[I'm not able to|I can't] [confirm|say] {what}[; the full data sheet isn't out|, and won't guess].",
            "{What} [is not published|hasn't been announced] [yet|so far].",
        ]
        text = draw.say(draw.pick(texts), {"what": what, "What": what[0].upper() + what[1:]})
        later = draw.say(
            "[Please check|Have a look at] the product page [again |]after {drift_ship}.", values
        )
        return together(tidy(text), known if draw.chance(0.75) else later)
    if case.edge == "adversarial phrasing":
        more = answer(case, draw, bare=True) if draw.chance(0.6) else draw.phrase("instead", values)
        return together(draw.phrase("declines", values), more, gap=draw.pick([" ", "\n\n"]))
    if case.edge == "beyond knowledge":
        what = _UNKNOWN[case.number % len(_UNKNOWN)][1]
        text = draw.phrase("unknown", {**values, "what": what})
        return tidy(text + " " + draw.phrase("instead", values))
    if _wordless(case) or (case.edge == "one word" and draw.chance(0.7)):
        text = draw.say(
            draw.pick(
                [
                    "[Happy|Glad] to help[!|.] [Is it|Are you asking] about [{noun}|an order|your {device}][, or something else|]?",
                    "[Hi|Hello]! [What would you like to know|Tell me a bit more][ about {noun}|]?",
                    "[Could|Can] you [say|write] [a few words more|what happened]? [I can help with|For example:] orders, plans, [devices|the {device}] or your account.",
                ]
            ),
            values,
        )
        return tidy(
            text.replace("more?", "more.").replace("example: orders", "is it about orders")
            if "?" not in text
            else text
        )
    return answer(case, draw)


def _wordless(case: Case) -> bool:
    """Whether the message is nothing but emoji."""
    return case.edge == "emoji or typos" and case.number % 5 < 2


def multi_hop(case: Case, draw: Draw) -> tuple[str, str]:
    """A question whose answer joins several facts, and the right answer, worked out."""
    values = slots(case)
    device = DEVICES[case.device]
    kind = case.number % 5

    def day(when: datetime) -> str:
        return f"{when:%B} {when.day}"

    if kind == 0:
        got = case.when - timedelta(days=draw.between(8, 40))
        until = got + timedelta(days=30)
        late = until.date() < case.when.date()
        question = f"[I ordered|Ordered] the {device.name} on {day(got - timedelta(days=4))}, it [arrived|was delivered] on {day(got)} and I opened the box. [Is it too late to return it|Can I still send it back], and how much [would I get|comes] back of the {device.price}?"
        left = float(device.price[1:]) - 9
        text = (
            f"[The 30 days|Your 30 days] from delivery [ended|ran out] on {day(until)}, so [a return is no longer possible|it's too late for a return]. [A defect would still be under warranty|If it's faulty, the 2-year warranty still holds]."
            if late
            else f"[Yes|Yes, you can]: the 30 days [run|count] from delivery, so [you have|there's time] until {day(until)}. As the box is open, $9 is [deducted|kept], [which leaves|so you get back] ${left:.2f}."
        )
    elif kind == 1:
        bought = case.when - timedelta(days=draw.between(500, 1300))
        plan = draw.pick(["Basic", "Plus", "Family"])
        years = 2 if plan == "Basic" else 3
        ends = bought.replace(year=bought.year + years, day=min(bought.day, 28))
        open_still = ends > case.when
        question = f"My {device.name} was delivered on {bought:%B} {bought.day}, {bought.year}, I've been on {plan} [since then|all along] and it [died|stopped working] [yesterday|this morning]. [Warranty or repair|Is that warranty or a paid repair], and what do I [pay|owe]?"
        text = (
            f"[On|With] {plan} the warranty runs {years} years, [that is until|so to] {ends:%B} {ends.day}, {ends.year}: [it's covered and you pay nothing|this is a warranty case, at no cost]. [File it|Please claim it] under Account > Devices > Claim."
            if open_still
            else f"[On|With] {plan} the warranty [ran|was] {years} years and [ended|ran out] on {ends:%B} {ends.day}, {ends.year}. [So it's a paid repair|That makes it a paid repair]: $29 plus parts, 7 business days."
        )
    elif kind == 2:
        months = draw.between(3, 11)
        cost = 8.90 * months
        question = f"We are [five|six] people and need recordings for [at least 45 days|more than a month]. Which [plan|subscription] is [the cheapest that fits|enough], and what would {months} months of it cost [in all|altogether]?"
        text = f"[Only Family|Family is the only plan that] [fits both|fits]: up to six people, 60 days of recordings. {months} months at $8.90 [are|come to] ${cost:.2f}[; yearly billing would take 15% off|]."
    elif kind == 3:
        count = draw.between(10, 40)
        total = count * float(device.price[1:])
        question = f"[If we order|Suppose we order] {count} {device.name}s for [our flats|the hotel] in {values['city']}, what [do we pay|is the total] after the bulk discount, and [is shipping|does shipping come] on top?"
        text = f"{count} units are over the limit of 10, so 8% [comes|goes] off: {count} x {device.price} = ${total:,.2f}, less 8% [makes|is] ${total * 0.92:,.2f}. [Standard shipping is free|No shipping on top], since that is [well |]over $60."
    else:
        n = draw.between(4, 6)
        question = f"We're {n} people and [want|would like] [everybody|all of us] in one home with the {device.name}; how many of us [fit|can join] on Plus, and [what changes|what do we pay] if we [take|switch to] Family in the middle of the month?"
        text = f"Plus [allows|is limited to] two people, so {n - 2} of you would be left out. Family [has room for|takes] six at $8.90; [switching works at once|an upgrade counts immediately], and [you pay only|we charge] the difference to $4.90 for the days left."
    opener = draw.say(
        draw.pick(
            [
                "",
                "",
                "",
                "[Let's work it out|Let's see|Here's the sum]. ",
                "[Good question|Sure]. ",
                "[Step by step|In order]: ",
            ]
        )
    )
    body = tidy(draw.say(text, values))
    return tidy(draw.say(question, values)), opener + body
