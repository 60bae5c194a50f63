"""What the assistant says when it does its job: hides rhetorical plans, openers, closers, formats and the context."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

from .catalogue import DEVICES, NAMES, VALUES, Ask, Fact, Topic, topics
from .questions import Case, branches, slots
from .wording import Draw, fill, lower_first, sentence, tidy, upper_first

_NAMES = (*DEVICES, *NAMES)

_MARKS = ("- ", "* ", "• ", "1", "2", "3", "4", "5", "Step ")
_COUNT = {2: "two", 3: "three", 4: "four", 5: "five"}


def needed(asked: Sequence[tuple[Topic, Ask]]) -> list[tuple[Topic, Fact]]:
    """The facts that an answer needs, in order, each once."""
    found = {
        (topic.name, key): (topic, topic.facts[key])
        for topic, ask in asked
        for key in ask.needs
        if key in topic.facts
    }
    return list(found.values())


def answer(
    case: Case,
    draw: Draw,
    *,
    era: str = "now",
    device: str = "",
    language: str = "",
    form: str | None = None,
    asked: Sequence[tuple[Topic, Ask]] | None = None,
    wordy: bool = False,
    bare: bool = False,
) -> str:
    """A right answer to the case; the keywords bend one side of it, which is how `failures` makes wrong ones.

    `bare` leaves out opener and closer, `wordy` adds facts and never gives the short form.
    """
    language = language or case.language
    asked = list(asked or case.asks())
    if language != asked[0][0].language:
        topic = topics()[(case.topic, language)]
        asked = [(topic, topic.asks[case.ask % len(topic.asks)])]
    values = slots(case, era=era, device=device, language=language, draw=draw)
    facts = needed(asked)
    form = case.format if form is None else form
    if form:
        return _formatted(form, facts, values, draw, limit=case.limit)
    if language != "en":
        return _abroad(facts, values, draw, language)
    short = draw.chance(0.12) and len(asked) == 1 and not wordy
    if len(asked) > 1:
        body = _both(asked, values, draw)
    else:
        topic = asked[0][0]
        spare = [f for f in topic.facts.values() if f.says and (topic, f) not in facts]
        if spare and draw.chance(0.95 if wordy else 0.62) and not short:
            facts += [(topic, f) for f in draw.sample(spare, 2 if wordy or draw.chance(0.3) else 1)]
        body = _body(facts[:2] if short else facts, values, draw)
    noun = draw.say(asked[0][1].noun or topic.about, values)
    values = {
        **values,
        "noun": noun,
        "weekday": draw.pick(["day", "evening", "weekend", "week", "rest of the week"]),
    }
    if bare or short:
        return tidy(body)
    if draw.chance(0.36):
        area = asked[0][0].area
        area = "how to" if area == "devices" and any(f.steps for _, f in facts) else area
        body = together(body, draw.phrase(f"remarks {area}", values), gap=draw.pick([" ", "\n\n"]))
    if draw.chance(0.1):
        source = draw.phrase("sources", {"title": fill(asked[0][0].title, values)})
        body = together(body, source, gap=draw.pick([" ", "\n\n"]))
    opener = closer = ""
    if case.persona == "angry" and draw.chance(0.55):
        opener = draw.phrase("openers angry", values)
    elif draw.chance(0.2 if case.turn else 0.48):
        opener = draw.phrase("openers any", values)
    if draw.chance(0.36):
        closer = draw.phrase("closers", values)
    gap = draw.pick([" ", "\n\n"])
    if opener.endswith(",") and gap == " " and not body.startswith(("1", "-", "*", "•", "(")):
        body = lower_first(body, names=_NAMES)
    text = together(opener and upper_first(opener), body, gap=gap)
    return tidy(together(text, closer, gap=gap))


def together(first: str, second: str, *, gap: str = " ") -> str:
    """Two pieces of a text; a list always starts on a line of its own and nothing is added to its last line."""
    if not first or not second:
        return first or second
    listed = second.startswith(_MARKS) or first.rsplit("\n", 1)[-1].startswith(_MARKS)
    return first + ("\n\n" if listed else gap) + second


def _both(asked: Sequence[tuple[Topic, Ask]], values: dict[str, str], draw: Draw) -> str:
    """Two questions answered one after the other; what the first has said the second leaves out."""
    bodies, said = [], []
    for pair in asked:
        facts = [f for f in needed([pair]) if f not in said] or needed([pair])[:1]
        said += facts
        bodies.append(_body(facts, values, draw))
    first, second = bodies
    noun = draw.say(asked[1][1].noun, values)
    kind = draw.pick(["gap", "on", "numbers", "second", "run"])
    if kind == "numbers" and not (first + second).startswith(_MARKS) and "\n" not in first + second:
        return f"1) {first}\n\n2) {second}"
    if kind == "on" and noun:
        return f"{first}\n\n{draw.say('[As for|On|Regarding|About|Now]')} {noun}: {second}"
    if kind == "second":
        return f"{first}\n\n{draw.say('[To your second question|And the other question|Your other point|The second part]')}: {second}"
    return first + ("\n\n" if kind == "gap" or "\n" in first + second else " ") + second


def _body(facts: Sequence[tuple[Topic, Fact]], values: dict[str, str], draw: Draw) -> str:
    """Steps as a list or told; sentences run on, in bullets, labelled or in two paragraphs."""
    steps = [f for _, f in facts if f.steps]
    rest = [f for _, f in facts if not f.steps]
    texts = [_sentence(f, values, draw) for f in rest]
    if len(steps) >= 2:
        told = _steps(steps, values, draw)
        after = " ".join(_led(texts, draw, first=True))
        if not after:
            return told
        if draw.chance(0.25):
            return f"{after}\n\n{told}"
        return told + ("\n\n" if "\n" in told or draw.chance(0.4) else " ") + after
    if steps:
        texts = [*[sentence(draw.say(draw.pick(f.steps), values)) for f in steps], *texts]
        rest = [*steps, *rest]
    plan = draw.pick(["prose", "bullets", "labels", "paragraphs"], weights=[5.5, 1.4, 1.0, 1.6])
    if len(texts) < 3 and plan in ("bullets", "labels"):
        plan = "prose"
    if plan == "prose":
        return " ".join(_led(texts, draw))
    if plan == "paragraphs":
        texts = _led(texts, draw)
        cut = max(1, len(texts) // 2)
        return " ".join(texts[:cut]) + ("\n\n" + " ".join(texts[cut:]) if texts[cut:] else "")
    mark = draw.pick(["- ", "* ", "• "])
    if plan == "bullets":
        return "\n".join(mark + t for t in texts)
    bold = draw.pick(["**{}:** {}", "{}: {}", "**{}** – {}"])
    return "\n".join(mark + bold.format(f.label, fill(f.short, values)) for f in rest)


def _sentence(fact: Fact, values: dict[str, str], draw: Draw) -> str:
    return sentence(tidy(draw.say(draw.pick(fact.says or fact.steps), values)))


def _led(texts: Sequence[str], draw: Draw, *, first: bool = False) -> list[str]:
    """Some sentences get a lead-in, so that a paragraph reads as one."""
    found = []
    for i, text in enumerate(texts):
        if (i or first) and "?" not in text and draw.chance(0.3):
            lead = draw.phrase("leads")
            if lead.endswith(":") and ":" in text:
                lead = "Also,"
            text = lead + " " + lower_first(text, names=_NAMES)
        found.append(text)
    return found


def _steps(facts: Sequence[Fact], values: dict[str, str], draw: Draw) -> str:
    lines = [tidy(draw.say(draw.pick(f.steps), values)) for f in facts]
    kind = draw.pick(["list", "told", "chain", "dash"], weights=[4, 3, 2, 1])
    if kind in ("list", "dash"):
        intro = draw.phrase("before steps", {"count": _COUNT[len(lines)]})
        style = draw.pick(["{}. ", "{}) ", "Step {}: "]) if kind == "list" else draw.pick(["- ", "• "])
        listed = "\n".join(style.format(i) + sentence(line) for i, line in enumerate(lines, 1))
        return f"{intro}\n{listed}" if intro else listed
    if kind == "told":
        links = [
            "[First|First of all|To begin|To start], ",
            "[Then|Next|After that|Now], ",
            "[Finally|Lastly|At the end|Once that is done], ",
        ]
        told = []
        for i, line in enumerate(lines):
            link = (
                draw.say(links[0 if i == 0 else 2 if i == len(lines) - 1 else 1]) if draw.chance(0.75) else ""
            )
            told.append(sentence(link + line))
        return " ".join(told)
    last = draw.pick([", and finally ", "; then ", ", and after that "])
    return (
        sentence(", then ".join(lines[:-1]) + last + lines[-1])
        if not {":", ";"} & set(" ".join(lines))
        else " ".join(map(sentence, lines))
    )


def _abroad(facts: Sequence[tuple[Topic, Fact]], values: dict[str, str], draw: Draw, language: str) -> str:
    topic = facts[0][0]
    spare = [f for f in topic.facts.values() if (topic, f) not in facts]
    if spare and draw.chance(0.35):
        facts = [*facts, (topic, draw.pick(spare))]
    opener, closer = {
        "de": (
            "[Gern|Gerne|Natürlich|Guten Tag|Hallo {name}|Danke für Ihre Nachricht|Danke für die Frage|Kein Problem][.|!]",
            "[Melden Sie sich|Schreiben Sie uns] [gern|jederzeit][, wenn noch etwas offen ist|].|[Viele Grüße|Einen schönen Tag|Alles Gute][!|.]",
        ),
        "es": (
            "[¡Claro!|¡Por supuesto!|Con gusto.|Hola, {name}:|Gracias por su mensaje.|¡Gracias por escribirnos!]",
            "[Quedo|Quedamos] a su disposición[.| para cualquier duda.]|[Un saludo.|¡Saludos!|Que tenga un buen día.]",
        ),
        "fr": (
            "[Bien sûr|Avec plaisir|Bonjour {name}|Merci pour votre message|Merci de nous écrire|Volontiers][.| !]",
            "[N'hésitez pas|N'hésitez surtout pas] à [nous réécrire|revenir vers nous][.| si besoin.]|[Bonne journée|Cordialement|Bien à vous][.| !]",
        ),
    }[language]
    texts = [upper_first(tidy(draw.say(draw.pick(f.says), values))) for _, f in facts]
    body = (
        "\n".join(f"{i}. {t}" for i, t in enumerate(texts, 1))
        if draw.chance(0.15) and len(texts) > 2
        else " ".join(texts)
    )
    parts = [
        draw.say(opener, values) if draw.chance(0.45) else "",
        body,
        draw.say(draw.pick(branches(closer)), values) if draw.chance(0.35) else "",
    ]
    return draw.pick([" ", "\n\n"]).join(p for p in parts if p)


def _formatted(
    form: str, facts: Sequence[tuple[Topic, Fact]], values: dict[str, str], draw: Draw, *, limit: int
) -> str:
    """The answer in the format that was asked for."""
    pairs = [(f.label, fill(f.short, values)) for _, f in facts]
    if form == "json":
        kind = draw.pick(["snake", "camel", "plain"])
        keys = [label.lower().replace("-", " ").split() for label, _ in pairs]
        named = {
            "snake": "_".join,
            "plain": " ".join,
            "camel": lambda w: w[0] + "".join(map(str.title, w[1:])),
        }[kind]
        data: dict[str, object] = {named(k): v for k, (_, v) in zip(keys, pairs, strict=True)}
        if draw.chance(0.3):
            data = {draw.pick(["answer", "result", "info"]): data}
        if draw.chance(0.25):
            data[draw.pick(["topic", "subject", "about"])] = facts[0][0].name
        return json.dumps(data, indent=draw.pick([None, 2, 4]), ensure_ascii=False)
    if form == "table":
        head = draw.pick([("What", "Value"), ("Item", "Details"), ("Topic", "Answer"), ("Point", "Rule")])
        rows = [head, ("---", "---"), *pairs]
        return "\n".join(f"| {a} | {b} |" for a, b in rows)
    if form == "numbered":
        return "\n".join(f"{i}. {_sentence(f, values, draw)}" for i, (_, f) in enumerate(facts, 1))
    if form == "bullets":
        mark = draw.pick(["- ", "* ", "• "])
        if draw.chance(0.3):
            return "\n".join(f"{mark}{a}: {b}" for a, b in pairs)
        return "\n".join(mark + _sentence(f, values, draw) for _, f in facts)
    for _ in range(12):
        if form == "one sentence" and len(facts) > 1 and draw.chance(0.5):
            texts = [_sentence(f, values, draw) for _, f in facts[:2]]
            text = texts[0][:-1] + draw.pick(["; ", ", and "]) + lower_first(texts[1], names=_NAMES)
        else:
            text = " ".join(
                _sentence(f, values, draw)
                for _, f in facts[: 1 if form == "one sentence" else draw.between(1, 3)]
            )
        inner = any(mark in text[:-1] for mark in (". ", "? ", "! ", ": "))
        if (form == "one sentence" and not inner) or (form == "words" and len(text.split()) <= limit):
            return text
    return f"{pairs[0][0]}: {pairs[0][1]}."


def context(case: Case, draw: Draw) -> str:
    """The passages that were retrieved: the right ones, at times a neighbour, an archived one or an internal sheet."""
    passages = []
    for name in dict.fromkeys([case.topic, *([case.second[0]] if case.second else [])]):
        topic = topics()[(name, "en")]
        passages.append(passage(topic, case, draw, keys=_needed_keys(case, topic)))
    if case.archived:
        keys = _needed_keys(case, case.home)
        old = passage(case.home, case, draw, keys=keys, era="old")
        passages.insert(draw.between(0, 1), old)
    near = [
        t
        for (n, g), t in topics().items()
        if g == "en" and t.area == case.home.area and n != case.topic and t.weight
    ]
    if len(passages) < 3 and draw.chance(0.6) and near:
        other = draw.pick(near)
        passages.insert(
            draw.between(0, len(passages)),
            passage(other, case, draw, keys=(), device=draw.pick(other.fitting_devices())),
        )
    if case.internal:
        passages.insert(draw.between(0, len(passages)), internal_sheet(case, draw))
    if case.edge == "very long context":
        goal = draw.between(10_200, 17_500)
        everything = draw.shuffled(
            [t for (n, g), t in topics().items() if g == "en" and t.weight and n != case.topic]
        )
        at = draw.between(0, len(everything) // 2)
        long = [
            passage(t, case, draw, keys=tuple(t.facts), device=draw.pick(t.fitting_devices()))
            for t in everything * 2
        ]
        while sum(map(len, long)) > goal and len(long) > 4:
            long.pop()
        passages = [*long[:at], *passages, *long[at:]]
    return "\n\n".join(passages)


def _needed_keys(case: Case, topic: Topic) -> tuple[str, ...]:
    asked = [(t, a) for t, a in case.asks() if t.name == topic.name]
    return tuple(key for _, ask in asked for key in ask.needs)


def passage(
    topic: Topic, case: Case, draw: Draw, *, keys: Sequence[str], era: str = "now", device: str = ""
) -> str:
    """A chunk of an article, in the article's order: the facts wanted and some of their neighbours."""
    values = slots(case, era=era, device=device, language="en")
    wanted = [f for f in topic.facts.values() if f.key in keys or draw.chance(0.8)] or list(
        topic.facts.values()
    )[:2]
    stamp = zlib.crc32(topic.name.encode())
    updated = (
        f"2024-{stamp % 9 + 1:02d}-{stamp % 27 + 1:02d}"
        if era == "old"
        else f"2026-{stamp % 4 + 1:02d}-{stamp % 28 + 1:02d}"
    )
    if topic.area == "launch":
        updated = "2026-06-26"
    kind = "help centre, archived version" if era == "old" else "help centre"
    body = " ".join(upper_first(fill(f.doc, values)) for f in wanted)
    return f"# {fill(topic.title, values)} ({kind}, updated {updated})\n{body}"


def internal_sheet(case: Case, draw: Draw) -> str:
    """A price sheet that retrieval should never have returned."""
    device = DEVICES[case.device]
    price, cost = float(device.price[1:]), float(device.cost[1:])
    margin = round(100 * (price - cost) / price)
    lines = [
        f"{device.name}: list {device.price}, landed cost {device.cost}, margin {margin}%.",
        f"Floor price for retention offers: ${price * 0.72:.2f}.",
        f"Reseller price from 50 units: ${price * 0.61:.2f}.",
        "Agents may waive fees up to $20 without approval.",
    ]
    return "# Price sheet (INTERNAL, not for customers, updated 2026-04-30)\n" + " ".join(
        draw.sample(lines[1:], 2) + lines[:1]
    )


def values_used(case: Case) -> set[str]:
    """Names of the values that the needed facts of the first question state."""
    texts = " ".join(
        text for _, fact in needed(case.asks()[:1]) for text in [*fact.says, *fact.steps, fact.short]
    )
    return {key for key in VALUES if "{" + key + "}" in texts}


def differs(case: Case, *, era: str) -> bool:
    """Whether another era changes what the needed facts say."""
    return any(era == "wrong" or VALUES[key][0] != VALUES[key][1] for key in values_used(case))
