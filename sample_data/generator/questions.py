"""What users ask: hides personas, registers, follow-ups, formats asked for and the values that a question names."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .catalogue import CITIES, DEVICES, NAMES, VALUES, Ask, Topic, topics, translated
from .wording import Draw, foreign, lower_first, phrases, tidy, typos, upper_first, words

PERSONAS = {
    "plain": 0.26,
    "polite": 0.17,
    "terse": 0.14,
    "angry": 0.11,
    "rambling": 0.10,
    "typos": 0.08,
    "lower": 0.08,
    "foreign": 0.06,
}
FORMATS = {"json": 0.2, "one sentence": 0.22, "bullets": 0.2, "table": 0.12, "words": 0.16, "numbered": 0.1}
EMOJI = words("🙏 😊 😅 🤔 😡 🙄 👍 😩 🏠 🔋 📦 ❓")

_MONTHS = {
    "en": words("January February March April May June July August September October November December"),
    "de": words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    "es": words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    "fr": words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
}
_DAYS = {
    "en": words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "de": words("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
    "es": tuple(f"el {day}" for day in words("lunes martes miércoles jueves viernes sábado domingo")),
    "fr": words("lundi mardi mercredi jeudi vendredi samedi dimanche"),
}
_BAND = {
    "de": (("a network cable", "ein Netzwerkkabel"), (" or ", " oder "), ("through the", "über den")),
    "es": (("a network cable", "cable de red"), (" or ", " o "), ("through the", "con el")),
    "fr": (("a network cable", "un câble réseau"), (" or ", " ou "), ("through the", "par le")),
}


@dataclass
class Case:
    """One turn of a conversation, as planned before a word of it is written."""

    number: int
    when: datetime
    week: int
    session: str
    user: str
    persona: str
    language: str
    topic: str
    ask: int
    device: str
    turn: int = 0
    second: tuple[str, int] | None = None
    format: str = ""
    limit: int = 0
    edge: str = ""
    mode: str = ""
    complains: bool = False
    archived: bool = False
    internal: bool = False
    spec: int = -1
    named: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Topic:
        return topics()[(self.topic, "en")]

    def asks(self) -> list[tuple[Topic, Ask]]:
        """The one or two things that are asked, in the language of the user."""
        first = topics()[(self.topic, self.language)]
        found = [(first, first.asks[self.ask % len(first.asks)])]
        if self.second:
            other = topics()[(self.second[0], "en")]
            found.append((other, other.asks[self.second[1]]))
        return found


def name_things(case: Case, draw: Draw) -> None:
    """Draw the order number, date, city, amount and name that question and answer share."""
    past = case.when - timedelta(days=draw.between(4, 26))
    month = _MONTHS[case.language][past.month - 1]
    date = {
        "en": f"{month} {past.day}",
        "de": f"{past.day}. {month}",
        "es": f"{past.day} de {month}",
        "fr": f"{past.day} {month}",
    }
    amount = f"${draw.between(18, 420)}.{draw.pick(['00', '90', '50', '40', '75', '20', '99'])}"
    case.named = {
        "order": f"QH-{draw.between(20114, 98870)}",
        "date": date[case.language],
        "day": _DAYS[case.language][(case.when.weekday() + draw.between(1, 6)) % 7],
        "city": draw.pick(CITIES),
        "name": draw.pick(NAMES),
        "amount": amount,
        "bulk_ask": str(draw.pick([8, 12, 15, 20, 24, 30, 45])),
        "android_old": draw.pick(["8", "9", "10"]),
    }


def slots(
    case: Case, *, era: str = "now", device: str = "", language: str = "", draw: Draw | None = None
) -> dict[str, str]:
    """Every {slot} of the grammar: the rules of that era, the device's own facts and what the question names.

    `era` is "now", "old" (the archived rules) or "wrong" (what a mistaken answer claims, drawn with `draw`).
    """
    language = language or case.language
    name = device or case.device
    values = {}
    for key, (now, old, wrong) in VALUES.items():
        value = now if era == "now" else old if era == "old" else (draw or Draw(case.number)).pick(wrong)
        values[key] = translated(value, language)
    facts = {key: translated(value, language) for key, value in DEVICES[name].facts.items()}
    for english, theirs in _BAND.get(language, ()):
        facts["band"] = facts["band"].replace(english, theirs)
    return {
        **values,
        **facts,
        **case.named,
        "device": name,
        "den_device": f"Ihren {name}",
        "Den_device": f"Ihren {name}",
    }


def format_wish(case: Case, draw: Draw) -> str:
    """The format that the user wants, in words."""
    lines = {
        "json": "[Answer|Reply|Please answer] [as JSON only|in JSON, nothing else|with a JSON object and no other text]."
        "|[I need this|Give it to me] as [valid JSON|a JSON object][ for our ticket system| for a script|], [no prose|nothing around it].",
        "one sentence": "[Please answer|Answer|Reply] in [one|a single] sentence.|One sentence[, please| is enough| only].|[Keep it to|Make it] [one|a single] sentence[ please|].",
        "bullets": "[As|In] bullet points[, please|].|[Please use|Give me] [bullet points|a bullet list].|[List it|Write it] as bullets[ so that I can print it|].",
        "table": "[Put it|Please put it] in a [small |]table.|[As a|I'd like a] [markdown |]table[, please|].|[Show|Give] me [a table|this as a table].",
        "words": "[At most|No more than|Max] {limit} words[, please|].|[Keep it|Stay] under {limit} words.|[Please|I'd like this] in {limit} words or [less|fewer].",
        "numbered": "[Please give|Give] me numbered steps.|[Number|Please number] the steps.|[As|In] numbered steps[, please|].",
    }
    return draw.say(draw.pick(branches(lines[case.format])), {"limit": str(case.limit)})


def branches(line: str) -> list[str]:
    """Top-level alternatives of a line."""
    found, depth, start = [], 0, 0
    for i, c in enumerate(line):
        depth += (c == "[") - (c == "]")
        if c == "|" and depth == 0:
            found.append(line[start:i])
            start = i + 1
    return [*found, line[start:]]


_THANKS = {
    "en": "[[Thanks|Thank you|Many thanks][| in advance| for your help]|Cheers|Thanks a lot|Thank you so much][.|!]",
    "de": "[Danke|Vielen Dank|Besten Dank|Danke schön][| im Voraus| für die Hilfe][.|!]",
    "es": "[Gracias|Muchas gracias|Mil gracias][| de antemano| por la ayuda][.|!]",
    "fr": "[Merci|Merci beaucoup|Un grand merci][| d'avance| pour votre aide][.|!]",
}


def compose(case: Case, draw: Draw) -> str:
    """The message of a user with one or two plain requests (edge cases are written in `edges`)."""
    named = slots(case)
    asked = case.asks()
    persona = case.persona
    if case.language != "en":
        return _abroad(case, draw, asked[0][1], named)
    follow = case.turn > 0 and draw.chance(0.75)

    def say(line: str) -> str:
        return tidy(draw.say(line, named))

    wants = [say(_request(ask, draw, persona)) for _, ask in asked]
    tells = _TELLS[persona] * (0.4 if follow else 1)
    stories = [say(draw.pick(ask.stories)) for _, ask in asked[:1] if ask.stories and draw.chance(tells)]
    parts: list[str] = []
    if case.complains:
        parts.append(say(draw.pick(phrases("asked again"))))
    elif follow and not case.second:
        wants[0] = say(draw.pick(phrases("further"))) + " " + lower_first(wants[0], names=tuple(DEVICES))
        stories = []
    elif draw.chance(_GREETS.get(persona, 0.25)):
        parts.append(draw.pick(phrases("greetings en")) + draw.pick([",", "!", ".", " –"]))
    if persona == "angry" and not follow and draw.chance(0.7):
        parts.append(say(draw.pick(phrases("rants"))))
    if persona == "rambling":
        parts.append(say(draw.pick(phrases("rambling start"))))
    parts += stories
    if persona == "rambling" and draw.chance(0.6):
        parts.append(say(draw.pick(phrases("rambling"))))
    parts += _joined(wants, draw)
    if case.format:
        wish = format_wish(case, draw)
        parts.insert(len(parts) if draw.chance(0.8) or follow else min(1, len(parts)), wish)
    if persona == "angry" and draw.chance(0.4):
        parts.append(say(draw.pick(phrases("threats"))))
    if persona in ("polite", "foreign", "rambling") and draw.chance(0.6):
        parts.append(say(_THANKS["en"]))
    if persona == "polite" and draw.chance(0.4):
        parts.append(
            say(
                draw.pick(
                    [
                        "Best, {name}",
                        "Kind regards, {name}",
                        "– {name}",
                        "Regards\n{name}",
                        "Have a nice day!",
                    ]
                )
            )
        )
    return _register(_run_on(parts).replace(" \n", "\n").strip(), persona, draw)


_GREETS = {"polite": 0.8, "rambling": 0.6, "foreign": 0.6, "angry": 0.15, "terse": 0.0}
_TELLS = {
    "plain": 0.6,
    "polite": 0.7,
    "terse": 0.1,
    "angry": 0.75,
    "rambling": 0.95,
    "typos": 0.5,
    "lower": 0.5,
    "foreign": 0.6,
}


def _run_on(parts: list[str]) -> str:
    """Join sentences; after a part that ends in a comma or dash the next goes on in lower case."""
    text = ""
    for part in parts:
        if text.endswith((",", "–")):
            text += " " + lower_first(part, names=tuple(DEVICES))
        else:
            text += (" " if text else "") + part
    return text


def _request(ask: Ask, draw: Draw, persona: str) -> str:
    if persona == "terse" and ask.keys and draw.chance(0.6):
        return draw.pick(ask.keys) + draw.pick(["", "", "?", "??", " please"])
    if not ask.clauses or draw.chance({"polite": 0.3, "angry": 0.8, "terse": 1.0}.get(persona, 0.6)):
        return draw.pick(ask.directs)
    clause = draw.pick(ask.clauses)
    frame = draw.pick(
        [
            "[Could|Can|Would] you [please |][tell me|explain|let me know] {clause}?",
            "I [would like|want|need] to [know|understand|find out] {clause}.",
            "[I was|I'm] wondering {clause}.",
            "[Please|Kindly] [tell me|explain|let me know] {clause}.",
            "[Do you|Does anyone there] know {clause}?",
            "[Can|May] I ask {clause}?",
            "My question is {clause}.",
            "I [can't find|couldn't find out|have been trying to find out] {clause}.",
            "[What I need to know|The question] is {clause}[, please|].",
        ]
    )
    return frame.replace("{clause}", clause)


def _joined(wants: list[str], draw: Draw) -> list[str]:
    if len(wants) == 1:
        return wants
    first, second = wants
    kind = draw.between(0, 4)
    if kind == 0:
        return [
            draw.pick(["Two questions:", "Two things.", "I have two questions.", "Please answer both:"]),
            f"1) {first}",
            f"2) {second}",
        ]
    if kind == 1:
        return [
            first,
            draw.pick(["And also:", "Second,", "Apart from that:", "Also:", "On another note:"]),
            second,
        ]
    if kind == 2:
        return [first, f"{draw.pick(['And', 'Oh and', 'Plus,'])} {lower_first(second, names=tuple(DEVICES))}"]
    if kind == 3:
        return [f"\na) {first}\nb) {second}"]
    return [first, second]


def _register(text: str, persona: str, draw: Draw) -> str:
    if persona == "foreign":
        text = foreign(text, draw)
    if persona == "typos":
        text = typos(text, draw, rate=0.12)
    if persona in ("lower", "terse") or (persona == "typos" and draw.chance(0.5)):
        text = text.lower().replace("qh-", draw.pick(["QH-", "qh-"]))
        if draw.chance(0.5):
            text = text.rstrip(".").replace("'", "" if persona != "terse" else "'")
    else:
        text = ". ".join(upper_first(s) for s in text.split(". "))
        text = "? ".join(upper_first(s) for s in text.split("? "))
    if persona == "angry" and draw.chance(0.2):
        text = text.replace(".", "!")
    if draw.chance({"lower": 0.15, "polite": 0.1, "plain": 0.06, "typos": 0.15}.get(persona, 0.04)):
        text += " " + draw.pick(EMOJI) * draw.between(1, 2)
    return text


def _abroad(case: Case, draw: Draw, ask: Ask, named: dict[str, str]) -> str:
    parts = []
    if case.turn == 0 and draw.chance(0.55):
        parts.append(draw.pick(phrases(f"greetings {case.language}")) + draw.pick([",", "!", "."]))
    if ask.stories and draw.chance(0.7):
        parts.append(draw.pick(ask.stories))
    parts.append(draw.pick(ask.directs))
    if draw.chance(0.15) or (len(parts) == 1 and draw.chance(0.5)):
        parts.append(
            {"de": "Bestellnummer {order}.", "es": "Pedido {order}.", "fr": "Commande {order}."}[
                case.language
            ]
        )
    if draw.chance(0.4):
        parts.append(draw.say(_THANKS[case.language]))
    text = tidy(draw.say(" ".join(parts), named))
    if draw.chance(0.15):
        text = text.lower()
    return typos(text, draw, rate=0.05) if draw.chance(0.2) else text
