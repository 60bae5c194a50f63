"""The invented company: hides its devices, the values of its rules, its people's names and how grammar files are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .wording import words

GRAMMAR = Path(__file__).with_name("grammar")

CITIES = words(
    "Tacoma Duluth Halifax Boise Savannah Tucson Reno Moncton Spokane Albany Dayton Laredo Guelph Provo Fresno Bangor Toledo "
    "Kelowna Wichita Mobile Regina Eugene Racine Yuma Macon Billings Sudbury Lubbock Salem Peoria"
)
NAMES = words(
    "Ines Tomas Ruth Kofi Maren Dele Priya Jonas Wen Aylin Sofia Mateo Nadia Owen Leila Hugo Freya Samir Tess Bruno Yuki Carla "
    "Piet Amara Elif Nils Rosa Ivo Mina Abel Greta Luca Oona Tariq Vera Felix"
)
SURNAMES = words(
    "Quist Almeda Bratt Corvane Dunmore Estervik Fallowby Grannet Hollin Istrate Jarneby Kessow Lindqvar Marrable Nettlow Orvano "
    "Pellimore Quarle Rastow Sundry Tolvane Umberfeld Vantreese Wexley"
)

# What holds now, what held in the archived article, and what a wrong answer claims.
VALUES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "return_days": ("30 days", "60 days", ("14 days", "45 days", "90 days", "21 days")),
    "refund_days": ("5 business days", "10 business days", ("24 hours", "2 business days", "three weeks")),
    "std_ship": (
        "3 to 5 business days",
        "5 to 8 business days",
        ("1 to 2 business days", "7 to 10 business days"),
    ),
    "exp_ship": ("2 business days", "1 business day", ("4 business days", "a few hours")),
    "exp_fee": ("$14.50", "$19.00", ("$9.90", "$24.00", "$6.50")),
    "ship_fee": ("$5.90", "$4.50", ("$7.90", "$3.00", "$9.50")),
    "ship_free": ("$60", "$45", ("$35", "$80", "$100", "$25")),
    "cutoff": ("2 pm", "noon", ("5 pm", "10 am", "8 pm")),
    "address_hours": ("2 hours", "12 hours", ("24 hours", "30 minutes", "3 days")),
    "lost_days": ("10 business days", "15 business days", ("5 business days", "30 days")),
    "damage_days": ("7 days", "14 days", ("30 days", "48 hours", "3 days")),
    "claim_reply": ("2 business days", "5 business days", ("24 hours", "10 business days")),
    "intl_ship": ("6 to 9 business days", "10 to 14 business days", ("3 to 4 business days", "three weeks")),
    "opened_fee": ("$9", "$15", ("$25", "$4", "$19")),
    "invoice_days": ("90 days", "30 days", ("14 days", "a full year")),
    "instalments": ("four instalments", "three instalments", ("twelve instalments", "two instalments")),
    "instal_min": ("$120", "$200", ("$50", "$500")),
    "retry_days": ("3 days", "24 hours", ("10 days", "12 hours")),
    "hold_days": ("5 business days", "7 business days", ("24 hours", "30 days")),
    "promo_count": ("one code", "two codes", ("three codes", "as many codes as you like")),
    "promo_late": ("48 hours", "7 days", ("14 days", "2 hours")),
    "gift_valid": ("3 years", "2 years", ("12 months", "5 years", "6 months")),
    "free_storage": ("24 hours", "3 days", ("7 days", "12 hours")),
    "plus_storage": ("30 days", "14 days", ("90 days", "10 days")),
    "family_storage": ("60 days", "30 days", ("180 days", "20 days")),
    "plus_price": ("$4.90", "$3.90", ("$6.50", "$2.90", "$9.90")),
    "family_price": ("$8.90", "$7.50", ("$12.90", "$5.90")),
    "pro_price": ("$14.90", "$12.00", ("$19.90", "$9.50")),
    "family_seats": ("six people", "five people", ("ten people", "three people")),
    "trial": ("14 days", "30 days", ("7 days", "60 days")),
    "grace": ("10 days", "30 days", ("48 hours", "90 days")),
    "year_off": ("15%", "20%", ("30%", "5%")),
    "invite_days": ("7 days", "3 days", ("30 days", "24 hours")),
    "link_minutes": ("15 minutes", "60 minutes", ("24 hours", "5 minutes")),
    "pw_len": ("12 characters", "8 characters", ("6 characters", "20 characters")),
    "lock_minutes": ("30 minutes", "15 minutes", ("24 hours", "5 minutes")),
    "backup_codes": ("eight", "ten", ("three", "twenty")),
    "id_days": ("2 business days", "4 business days", ("an hour", "two weeks")),
    "trust_days": ("60 days", "30 days", ("a year", "24 hours")),
    "signout_minutes": ("5 minutes", "15 minutes", ("24 hours", "a few seconds")),
    "export_days": ("7 days", "30 days", ("24 hours", "90 days")),
    "delete_days": ("30 days", "14 days", ("24 hours", "6 months")),
    "bulk_min": ("10 units", "20 units", ("5 units", "100 units")),
    "bulk_off": ("8%", "12%", ("25%", "3%")),
    "net_days": ("30 days", "14 days", ("60 days", "7 days")),
    "pair_m": ("4 metres", "2 metres", ("15 metres", "half a metre")),
    "cycle_s": ("30 seconds", "10 seconds", ("5 minutes", "2 seconds")),
    "signal_min": ("-70 dBm", "-75 dBm", ("-85 dBm", "-50 dBm")),
    "cold_f": ("40 °F", "32 °F", ("60 °F", "-10 °F")),
    "low_pct": ("15%", "20%", ("40%", "3%")),
    "fw_window": ("between 2 and 4 am", "between midnight and 2 am", ("every Sunday at noon", "around 8 pm")),
    "fw_minutes": ("10 minutes", "20 minutes", ("an hour", "30 seconds")),
    "stuck_minutes": ("45 minutes", "90 minutes", ("24 hours", "5 minutes")),
    "sens": ("level 3", "level 4", ("level 9", "level 1")),
    "zones": ("four zones", "three zones", ("ten zones", "one zone")),
    "clip_s": ("45 seconds", "30 seconds", ("3 minutes", "10 seconds")),
    "code_len": ("6 to 8 digits", "4 to 6 digits", ("3 digits", "12 digits")),
    "codes_max": ("40 codes", "20 codes", ("250 codes", "10 codes")),
    "guest_len": ("14 days", "7 days", ("90 days", "24 hours")),
    "periods": ("six periods", "four periods", ("two periods", "twelve periods")),
    "away_f": ("58 °F", "55 °F", ("68 °F", "45 °F")),
    "siren": ("85 dB", "80 dB", ("110 dB", "60 dB")),
    "siren_min": ("4 minutes", "2 minutes", ("an hour", "30 seconds")),
    "test_months": ("3 months", "6 months", ("2 years", "week")),
    "filter_months": ("6 months", "4 months", ("12 months", "6 weeks")),
    "filter_s": ("5 seconds", "3 seconds", ("20 seconds", "a minute")),
    "filter_price": ("$24.90", "$21.90", ("$34.90", "$15.00")),
    "filter_pair": ("$44.90", "$39.90", ("$59.90", "$28.00")),
    "discover_s": ("45 seconds", "20 seconds", ("10 minutes", "5 seconds")),
    "pin_len": ("4 digits", "6 digits", ("8 digits", "2 digits")),
    "api_rate": ("60 calls a minute", "30 calls a minute", ("600 calls a minute", "10 calls an hour")),
    "token_days": ("90 days", "365 days", ("24 hours", "14 days")),
    "rules_max": ("50 rules", "25 rules", ("200 rules", "10 rules")),
    "warranty": ("2 years", "1 year", ("5 years", "18 months", "6 months")),
    "warranty_plus": ("3 years", "2 years", ("10 years", "4 years")),
    "repair_fee": ("$29", "$39", ("$59", "$12")),
    "repair_days": ("7 business days", "12 business days", ("2 business days", "a month")),
    "parts_years": ("6 years", "4 years", ("10 years", "1 year")),
    "recycle": ("$10", "$15", ("$50", "$2")),
    "hub_max": ("64 devices", "32 devices", ("200 devices", "12 devices")),
    "android": ("11", "9", ("14", "7")),
    "ios": ("16", "15", ("18", "12")),
    "drift_price": ("$389", "$429", ("$299", "$549")),
    "drift_ship": ("July 13", "August 3", ("June 30", "September 1")),
    "drift_app": ("7.2", "7.0", ("8.0", "6.1")),
}

_TRANSLATED = {
    "de": (
        ("business days", "Werktage"), ("business day", "Werktag"), ("days", "Tage"), ("years", "Jahre"), ("year", "Jahr"),
        ("minutes", "Minuten"), ("seconds", "Sekunden"), ("hours", "Stunden"), ("months", "Monate"), (" to ", " bis "),
        ("a few", "wenige"), ("three weeks", "drei Wochen"),
    ),
    "es": (
        ("business days", "días laborables"), ("business day", "día laborable"), ("days", "días"), ("years", "años"),
        ("year", "año"), ("minutes", "minutos"), ("seconds", "segundos"), ("hours", "horas"), ("months", "meses"),
        (" to ", " a "), ("a few", "unas"), ("three weeks", "tres semanas"),
    ),
    "fr": (
        ("business days", "jours ouvrés"), ("business day", "jour ouvré"), ("days", "jours"), ("years", "ans"), ("year", "an"),
        ("minutes", "minutes"), ("seconds", "secondes"), ("hours", "heures"), ("months", "mois"), (" to ", " à "),
        ("a few", "quelques"), ("three weeks", "trois semaines"),
    ),
}  # fmt: skip


def translated(value: str, language: str) -> str:
    for english, theirs in _TRANSLATED.get(language, ()):
        value = value.replace(english, theirs)
    return value


@dataclass(frozen=True)
class Device:
    """One product with what its own articles say about it; `cost` is the company's secret."""

    name: str
    kind: str
    price: str
    cost: str
    traits: tuple[str, ...]
    facts: dict[str, str]


def _device(name: str, kind: str, price: str, cost: str, traits: str, **facts: str) -> Device:
    return Device(name, kind, price, cost, tuple(traits.split()), facts)


DEVICES = {
    d.name: d
    for d in (
        _device("Quill Hub", "hub", "$99", "$31.40", "network", button="on the underside", pair_s="4 seconds", reset_s="12 seconds",
                led="white", reset_led="solid amber", band="a network cable or 2.4 GHz Wi-Fi", fw="5.8.1", offline_keep="72 hours",
                hub_need="it is the hub itself, so no other is needed"),
        _device("Fen T2", "thermostat", "$149", "$46.80", "mounted", button="behind the dial", pair_s="6 seconds", reset_s="20 seconds",
                led="green", reset_led="pulsing red", band="2.4 GHz Wi-Fi", fw="3.4.0", offline_keep="14 days",
                mount_h="52 inches up, on an inside wall", tools="a screwdriver, the breaker switched off, and about half an hour",
                avoid="sunlight, doors and radiators", hub_need="no hub is needed"),
        _device("Perch 2", "video doorbell", "$179", "$58.20", "battery mounted camera", button="under the rubber flap", pair_s="5 seconds",
                reset_s="15 seconds", led="blue", reset_led="solid red", band="2.4 or 5 GHz Wi-Fi", fw="2.11.3", offline_keep="24 hours",
                battery="its built-in battery pack", battery_life="4 to 6 months", swap_how="charge it over USB-C for about five hours",
                mount_h="48 inches above the ground", tools="a drill with a 1/4 inch bit and a level",
                avoid="mirrors, glass doors and direct rain", hub_need="no hub is needed, although one adds a chime"),
        _device("Tamp Lock", "smart lock", "$219", "$77.90", "battery mounted", button="inside the battery door", pair_s="3 seconds",
                reset_s="10 seconds", led="purple", reset_led="flashing red", band="Thread, through the Quill Hub", fw="1.9.6",
                offline_keep="7 days", battery="four AA cells", battery_life="8 to 10 months", swap_how="slide the inner cover up and put in four new AA cells",
                mount_h="on the existing bolt, at the height of the old lock", tools="just a Phillips screwdriver",
                avoid="doors that need a push to close", hub_need="a Quill Hub is needed for remote control"),
        _device("Brook Sensor", "leak sensor", "$35", "$8.10", "battery", button="beside the coin slot", pair_s="2 seconds", reset_s="8 seconds",
                led="teal", reset_led="steady red", band="Thread, through the Quill Hub", fw="1.2.2", offline_keep="30 days",
                battery="one CR2450 cell", battery_life="about 2 years", swap_how="turn the bottom with a coin and replace the CR2450 cell",
                hub_need="a Quill Hub is needed"),
        _device("Lull Air", "air purifier", "$199", "$69.30", "network", button="at the back, above the cable", pair_s="7 seconds",
                reset_s="14 seconds", led="yellow", reset_led="alternating white and red", band="2.4 GHz Wi-Fi", fw="4.0.5", offline_keep="12 hours",
                hub_need="no hub is needed"),
        _device("Murmur", "speaker", "$89", "$27.60", "network", button="between the volume keys", pair_s="5 seconds", reset_s="18 seconds",
                led="orange", reset_led="spinning white", band="2.4 or 5 GHz Wi-Fi", fw="6.1.0", offline_keep="6 hours",
                hub_need="no hub is needed"),
        _device("Wick Bulb", "bulb", "$19", "$4.30", "network", button="on its collar", pair_s="3 seconds",
                reset_s="9 seconds", led="warm white", reset_led="blinking blue", band="Thread, through the Quill Hub", fw="2.0.9",
                offline_keep="1 hour", hub_need="a Quill Hub is needed"),
        _device("Roost Cam", "indoor camera", "$69", "$21.70", "mounted camera", button="below the lens", pair_s="4 seconds",
                reset_s="11 seconds", led="cyan", reset_led="slowly pulsing red", band="2.4 or 5 GHz Wi-Fi", fw="3.3.7", offline_keep="48 hours",
                mount_h="7 feet up, in a corner", tools="two screws and a screwdriver", avoid="windows and lamps that shine at the lens",
                hub_need="no hub is needed"),
        _device("Drift One", "robot vacuum", "$389", "$163.50", "launch", button="under the lid", pair_s="5 seconds", reset_s="10 seconds",
                led="white", reset_led="red", band="2.4 GHz Wi-Fi", fw="1.0.0", offline_keep="24 hours",
                hub_need="it works with or without a hub"),
    )
}  # fmt: skip


@dataclass
class Fact:
    """One thing that a help-centre article says and an answer may say; with `steps` it is something to do."""

    key: str
    label: str = ""
    short: str = ""
    doc: str = ""
    says: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)


@dataclass
class Ask:
    """One intent: what its answer needs, in order, and how people put it."""

    needs: tuple[str, ...]
    noun: str = ""
    stories: list[str] = field(default_factory=list)
    directs: list[str] = field(default_factory=list)
    clauses: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@dataclass
class Topic:
    """An article of the help centre and the questions that it answers."""

    name: str
    area: str = ""
    title: str = ""
    about: str = ""
    weight: float = 0.0
    language: str = "en"
    devices: str = "any"
    facts: dict[str, Fact] = field(default_factory=dict)
    asks: list[Ask] = field(default_factory=list)

    def fitting_devices(self) -> Sequence[str]:
        """Names of the devices that a question here can be about."""
        if self.devices in DEVICES:
            return (self.devices,)
        fits = [d for d in DEVICES.values() if self.devices in d.traits or self.devices == "any"]
        return [d.name for d in fits if "launch" not in d.traits]


@cache
def topics() -> dict[tuple[str, str], Topic]:
    """All topics by (name, language), read from grammar/*.txt: one entry a line, its first word says what it is."""
    found: dict[tuple[str, str], Topic] = {}
    for path in sorted(GRAMMAR.glob("*.txt")):
        topic = Topic("")
        part: object = topic
        for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            word, _, rest = raw.strip().partition(" ")
            if word == "topic":
                name, _, language = rest.partition(" in ")
                part = topic = Topic(name, language=language or "en")
                found[(name, topic.language)] = topic
            elif word == "fact":
                part = topic.facts.setdefault(rest, Fact(rest))
            elif word == "ask":
                ask = Ask(tuple(rest.split()))
                topic.asks.append(ask)
                part = ask
            else:
                _enter(part, word, rest, where=f"{path.name}:{number}")
    return found


def _enter(part: object, word: str, rest: str, *, where: str) -> None:
    lists = {
        "say": "says",
        "step": "steps",
        "story": "stories",
        "direct": "directs",
        "clause": "clauses",
        "keys": "keys",
    }
    name = lists.get(word, word)
    if not hasattr(part, name):
        raise ValueError(f"{where}: {word!r} does not belong to a {type(part).__name__.lower()}")
    if name in lists.values():
        getattr(part, name).append(rest)
    else:
        setattr(part, name, float(rest) if word == "weight" else rest)
