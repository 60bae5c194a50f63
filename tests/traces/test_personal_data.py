"""What personal data is found in a text and what is not, and what masking keeps of an example."""

from __future__ import annotations

import gzip
import json
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failscope.errors import ArgumentError, MissingPackageError
from failscope.traces import check_digits, masking, personal, presidio
from failscope.traces.masking import Masker, mask
from failscope.traces.personal import RULES, Found, find_personal
from failscope.traces.presidio import PresidioFinder

ROOT = Path(__file__).resolve().parents[2]


def kinds(text: str) -> list[tuple[str, str]]:
    return [(f.kind, f.text) for f in find_personal(text)]


# numbers that networks, registries and states publish as examples; addresses and phones of the ranges for examples
@pytest.mark.parametrize(
    ("text", "kind", "value", "certain"),
    [
        ("write to jane.doe+x@mail.example.com.", "e-mail", "jane.doe+x@mail.example.com", True),
        ("mail(cc='jo@example.com')", "e-mail", "jo@example.com", True),
        ("**jo@example.com**", "e-mail", "jo@example.com", True),
        ("jo (at) example (dot) com", "e-mail", "jo (at) example (dot) com", False),
        ("call +1 202 555 0143 today", "phone", "+1 202 555 0143", False),
        ("my phone number is 2025550143", "phone", "2025550143", False),
        ("llámame al móvil: 612 345 678", "phone", "612 345 678", False),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN", "DE89 3704 0044 0532 0130 00", True),
        ("paid with 4111 1111 1111 1111 12/27", "card", "4111 1111 1111 1111", True),
        ("from 203.0.113.7 today", "IP", "203.0.113.7", False),
        ("from 2001:db8::8a2e:370:7334", "IP", "2001:db8::8a2e:370:7334", True),
        ("AKIAIOSFODNN7EXAMPLE", "key", "AKIAIOSFODNN7EXAMPLE", True),
        ("the password is hunter2.", "key", "hunter2", False),
        ("password: swordfish", "key", "swordfish", False),
        ("?password=janepass1&x=1", "key", "janepass1", False),
        ("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "key", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", False),
        ("d41d8cd98f00b204e9800998ecf8427e", "key", "d41d8cd98f00b204e9800998ecf8427e", False),
        ("my SSN is 536-90-4399", "national number", "536-90-4399", False),
        ("NHS number: 943 476 5870", "national number", "943 476 5870", True),
        ("DNI 54362315-K", "national number", "54362315-K", True),
        ("NIE X2482300W", "national number", "X2482300W", True),
        ("2 69 05 49 588 157 80", "national number", "2 69 05 49 588 157 80", True),
        ("RCCMNL83S18D969H", "national number", "RCCMNL83S18D969H", True),
        ("Steuer-ID 36 574 261 809", "national number", "36 574 261 809", True),
        ("AHV 756.9217.0769.85", "national number", "756.9217.0769.85", True),
        ("CPF 390.533.447-05", "national number", "390.533.447-05", True),
    ],
)
def test_personal_data_is_found_where_it_stands(text, kind, value, certain):
    assert find_personal(text) == [
        Found(kind, text.index(value), text.index(value) + len(value), value, certain)
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hello, my name is Ana Ruiz-Gómez and I want a refund", "Ana Ruiz-Gómez"),
        ("My name's O'Neil.", "O'Neil"),
        ("I'm John Smith from Ohio", "John Smith"),
        ("this is Bob calling about my bill", "Bob"),
        ("Hi Anna,\nthe parcel", "Anna"),
        ("Thank you, Yara. I found it", "Yara"),
        ("Glad to help, Bruno!", "Bruno"),
        ("Dear Ms Schmidt:", "Schmidt"),
        ("as Dr. Martin Luther King Jr. said", "Martin Luther King Jr"),
        ("Mr. Smith's car", "Smith"),
        ("Kind regards,\n\nJohn Q. Public", "John Q. Public"),
        ("Name: Maria Müller\nCity: Graz", "Maria Müller"),
        ('{"last_name": "Silva"}', "Silva"),
        ('{"name": "Bob Smith", "age": 41}', "Bob Smith"),
        ("- **Passenger:** Yara Garcia", "Yara Garcia"),
        ("Ich heiße Jürgen von der Heide.", "Jürgen von der Heide"),
        ("Sehr geehrte Frau Dr. Weber,", "Weber"),
        ("Mit freundlichen Grüßen\nKarl Meier", "Karl Meier"),
        ("Vorname: Anna", "Anna"),
        ("Je m'appelle Élodie Dupont", "Élodie Dupont"),
        ("Bonjour Luca !", "Luca"),
        ("Cordialement,\nMarie Curie", "Marie Curie"),
        ("Me llamo José García.", "José García"),
        ("Estimada Lucía:", "Lucía"),
        ("Atentamente,\nPablo Ruiz", "Pablo Ruiz"),
    ],
)
def test_a_name_is_found_by_the_words_around_it(text, name):
    found = find_personal(text)
    assert [(f.kind, f.text, f.certain) for f in found] == [("name", name, False)]


def test_a_name_is_found_beside_an_address():
    text = "raised by Oona Umberfeld (oona@example.com); belongs to Nils Kessow, phone 555-0197"
    assert [f.text for f in find_personal(text)] == [
        "Oona Umberfeld",
        "oona@example.com",
        "Nils Kessow",
        "555-0197",
    ]


# most of these were found in real outputs by an earlier form of the rules
@pytest.mark.parametrize(
    "text",
    [
        "Dear customer, Dear Customer! Hi there, Hello World! Hey Siri, Dear Hiring Manager,",
        "I'm Sorry About That. I am AI. My name is ChatGPT.",
        "Best regards,\nThe Support Team",
        "Sincerely,\nFedEx",
        "Liebe Kunden, Hola a todos, Bonjour à tous,",
        "name: Install Dependencies on the server",
        "    - name: Checkout Repository\n",
        '{"name": "Louvre Museum", "location": "Paris"}',
        "Full Name:\nAddress:\n",
        "Customer: Yeah, that would help",
        "Salut, Comment résilier l'abonnement",
        "Mr. President, Sr. Engineer, Miss Universe, Dr. Pepper",
        "ComfortBabe, dear TikTok, thanks",
        "the password is wrong and the token is invalid",
        "About the password: Choose it again. Token: App > Developer",
        "basic functionality, the bearer of news, basic representation",
        "password = request.getParameter('x'); api_key = 'YOUR_API_KEY'; Bearer {token}",
        "https://open.spotify.com/playlist/37i9dQZF1DXdVVCF05hKlUabcdefgh123",
        "https://www.nytimes.com/2020/08/22/world/coronavirus-news-of-the-week",
        "366e2f2b-8632-4ef2-81eb-bc3877489217",
        "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR",
        '{"@context":"http://schema.org","value":"1,148","a":{"@type":"x"}}',
        "list[::2], list[1::2], std::vector, 127.0.0.1, 255.255.255.0, version 3.3.0.17",
        "at 46.2028 N, 121.4905 W; 0.00333333; 0.610865 - 0.436332; CT 06385-3823",
        "0   1   2   3   4   5   6   7   8\n0  2022-06-15     3",
        "the hotline is 1-800-799-7233 or 0800 1110111",
        "../2023/validation/cca530fc-4052-43b2-b130-b30968d8aa44.png, /home/a/tmp_code_1d854a305659e6ddcdd3fb5c230984e1.py",
        "Your reservation DF89BM is a round trip flight in basic",
        "https://www.nature.com/articles/s41559-021-01524-x",
        "4111 1111 1111 1112, DE88 3704 0044 0532 0130 00, 54362315A, 36574261808",
        "order QH-48671 of 2026-06-29 14:05, $1,234.56",
    ],
)
def test_what_only_looks_like_it_is_not_found(text):
    assert kinds(text) == []


def test_an_account_has_the_length_of_its_country():
    assert check_digits.is_iban("BE68539007547034")
    assert not check_digits.is_iban("GB68539007547034")


def test_the_report_masks_all_that_is_found_but_names():
    text = "I'm Ana Ruiz, ana@example.com, SSN 536-90-4399, from 203.0.113.7, password: hunter2, 202-555-0143"
    masker = Masker()
    masker(text)
    assert dict(masker.counts) == {
        "e-mail": 1,
        "national number": 1,
        "IP": 1,
        "key": 1,
        "phone": 1,
    }
    assert {f.kind for f in find_personal(text)} - set(masker.counts) == {"name"}


PIECES = st.sampled_from(
    [
        "ana@example.com", "jo (at) example (dot) com", "+1 202 555 0143", "(202) 555-0143", "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00", "203.0.113.7", "2001:db8::8a2e:370:7334", "password: hunter2", "pin: 12",
        "my name is Ana Ruiz", "Dear Mr. King,", "Ana", "Ruiz", "Regards,\nBo Li", "I'm", "[name 1]", "[e-mail 3]",
        "[IBAN]", "name:", "Dr.", "SSN 536-90-4399", "54362315K", "https://u:pw1@example.org/x", "@", ".", ",", "\n",
        " ", "-", ":", "1", "0049", "Bearer", "a", "A", "x" * 40, "d41d8cd98f00b204e9800998ecf8427e", "://", "\uffff",
        "-----BEGIN PRIVATE KEY-----", "password:", "is", "eyJhbGciOiJIUzI1NiJ9.eyJ.c2ln", "ß", "İ",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=14).flatmap(
    lambda parts: st.sampled_from(["", " "]).map(lambda between: between.join(parts))
)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_finds_are_apart_in_order_and_of_the_text(text):
    end = 0
    for f in find_personal(text):
        assert end <= f.start < f.end <= len(text)
        assert text[f.start : f.end] == f.text
        end = f.end


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS)
def test_masking_what_is_masked_changes_nothing(first, second):
    once = mask({"input": first, "output": second})
    again = mask(once.texts)
    assert again.texts == once.texts
    assert again.record == []
    assert [find_personal(text) for text in once.texts.values()] == [[], []]


def test_one_value_has_one_placeholder_in_all_fields_and_two_values_have_two():
    done = mask(
        {
            "input": "I'm Ana Ruiz, ana@example.com, call +1 202 555 0143. My brother is ben@example.com",
            "output": "Dear Ms Ruiz,\nwe wrote to ANA@example.com and ben@example.com, and call (202) 555-0143.",
            "expected_output": "Dear Ana, we wrote to ana@example.com.",
        }
    )
    assert done.texts == {
        "input": "I'm [name 1], [e-mail 1], call [phone 1]. My brother is [e-mail 2]",
        "output": "Dear Ms [name 1],\nwe wrote to [e-mail 1] and [e-mail 2], and call [phone 1].",
        "expected_output": "Dear [name 1], we wrote to [e-mail 1].",
    }
    assert done.counts == {"name": 3, "e-mail": 5, "phone": 2}


def test_a_value_told_in_one_field_is_masked_where_nothing_tells_it():
    done = mask(
        {
            "input": "My name is Sophia Silva. My password is hunter2 and my SSN is 536-90-4399.",
            "output": "get_user(sophia_silva_7557): I reset hunter2 for SOPHIA, 536-90-4399. Philosophia stays.",
        }
    )
    assert done.texts["output"] == (
        "get_user([name 1]_7557): I reset [key 1] for [name 1], [national number 1]. Philosophia stays."
    )


def test_the_name_in_an_address_is_masked_where_it_stands():
    done = mask(
        {
            "output": "Order of Oona Sundry, 84 Mill Lane (oona.sundry@example.com). Oona, Sales Team: sales.team@example.com"
        }
    )
    assert (
        done.texts["output"]
        == "Order of [name 1], 84 Mill Lane ([e-mail 1]). [name 1], Sales Team: [e-mail 2]"
    )


def test_two_people_stay_two():
    done = mask({"input": "I'm Ana Ruiz. I am Ben Ruiz. Dear Mr Ruiz, Dear Ana,", "output": "Ben and Ana"})
    assert done.texts["input"] == "I'm [name 1]. I am [name 2]. Dear Mr [name 3], Dear [name 1],"
    assert done.texts["output"] == "[name 2] and [name 1]"


def test_a_first_name_that_is_a_word_is_masked_only_as_a_name():
    done = mask({"input": "My name is Will Smith.", "output": "Will you wait? Will Smith may. Smith will."})
    assert done.texts["output"] == "Will you wait? [name 1] may. [name 1] will."


def test_numbers_go_on_after_those_that_stand_already():
    done = mask({"input": "from [e-mail 2] to jo@example.com"})
    assert done.texts["input"] == "from [e-mail 2] to [e-mail 3]"


def test_the_record_is_plain_and_holds_no_value():
    done = mask(
        {"input": "jo@example.com, jo@example.com", "output": "jo@example.com, pin: 1234", "note": ""}
    )
    assert json.loads(json.dumps(done.record)) == [
        {"field": "input", "kind": "e-mail", "placeholder": "[e-mail 1]", "times": 2},
        {"field": "output", "kind": "e-mail", "placeholder": "[e-mail 1]", "times": 1},
        {"field": "output", "kind": "key", "placeholder": "[key 1]", "times": 1},
    ]
    assert done.to_frame().to_dict("records") == done.record
    assert "jo@" not in repr(done)
    assert list(mask({"input": "nothing"}).to_frame().columns) == ["field", "kind", "placeholder", "times"]


def test_before_and_after_are_shown_marked_and_escaped():
    shown = mask({"<i>": "<script>x</script> my name is Ana <b>", "b": "nothing"})._repr_html_()
    assert "<mark>Ana</mark>" in shown
    assert "<mark>[name 1]</mark>" in shown
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "<i>" not in shown
    assert "<b>" not in shown.replace("<b>Masked</b>", "")


def test_only_what_stands_around_is_shown_of_a_long_text():
    shown = mask({"input": "word " * 5_000 + "jo@example.com" + " word" * 5_000})._repr_html_()
    assert "<mark>jo@example.com</mark>" in shown
    assert len(shown) < 1_000


def test_a_field_that_is_no_text_is_refused():
    with pytest.raises(ArgumentError, match="'expected_output' is NoneType"):
        mask({"input": "x", "expected_output": None})


def test_a_finder_of_ones_own_is_used_and_overlaps_are_one():
    def finder(text):
        at = text.find("AB-1234")
        return (
            []
            if at < 0
            else [Found("passport", at, at + 7, "AB-1234", True), Found("IP", at - 2, at + 2, "", True)]
        )

    done = mask({"input": "my AB-1234 and AB-1234"}, finder=finder)
    assert done.texts["input"] == "m[passport 1] an[passport 2]"
    assert mask(done.texts, finder=finder).texts == done.texts


def test_a_finder_that_counts_wrong_is_told_so():
    with pytest.raises(ArgumentError, match="at 2 to 9 in a text of 3 signs"):
        mask({"input": "abc"}, finder=lambda text: [Found("name", 2, 9, "c", True)])


def test_the_sample_data_is_clean_after_masking():
    with gzip.open(ROOT / "sample_data" / "support_bot.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    leaky = [r for r in rows if find_personal(r["output"])][:80]
    assert len(leaky) == 80
    for row in leaky:
        done = mask({k: row[k] for k in ("input", "output", "context")})
        assert sum(done.counts.values()) >= 1
        assert not any(find_personal(text) for text in done.texts.values())


@pytest.mark.shared
def test_real_outputs_are_clean_after_masking(shared_data):
    with gzip.open(shared_data / "halueval_general.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(1_000), strict=False)]
    masked = 0
    for row in rows:
        done = mask({"input": row["input"], "output": row["output"]})
        again = mask(done.texts)
        masked += bool(done.counts)
        assert again.texts == done.texts
        assert not any(find_personal(text) for text in done.texts.values())
    assert masked > 3


BAD = (
    "a", "Aa ", "A-", "1 ", "1.1.", "a@a.", "eyJ-", "DE89 ", "sk-a", " ", "Dear Aa", "Dr. ", "://a:", "a [at] ", "A.A ",
    '"name": "Aa Bb" ', "-----BEGIN A PRIVATE KEY-----",
)  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_megabyte_of_hostile_text_is_read_to_its_end_by_each_rule(bad):
    text = (bad * (1_000_000 // len(bad) + 1))[:1_000_000]
    for rule in RULES:
        for match in rule.pattern.finditer(text):
            rule.check(match)


def test_many_hostile_values_are_masked_in_the_end():
    words = [f"{a}{b}{c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyzabcd"]
    texts = {
        "input": " ".join(f"My name is Ana {w.title()}. pin: ab-{k}x" for k, w in enumerate(words)),
        "output": "Ana ab-7x " * 20_000,
    }
    done = mask(texts)
    assert "Ana" not in done.texts["output"]
    assert not find_personal(done.texts["input"])


class FakeEngine:
    """Stands for Presidio's AnalyzerEngine, which cannot be made without a model of 400 MB."""

    def __init__(self, *, nlp_engine=None, supported_languages=()):
        self.nlp_engine, self.supported_languages = nlp_engine, supported_languages

    def analyze(self, *, text, language, score_threshold):
        assert language == "en"
        found = [
            ("PERSON", "Ana Ruiz", 0.85),
            ("EMAIL_ADDRESS", "ana@example.com", 1.0),
            ("DATE_TIME", "today", 0.85),
            ("URL", "example.com", 0.5),
            ("MEDICAL_LICENSE", "BB1388568", 1.0),
            ("PHONE_NUMBER", "555", 0.1),
        ]
        return [
            types.SimpleNamespace(
                entity_type=kind, start=text.index(word), end=text.index(word) + len(word), score=score
            )
            for kind, word, score in found
            if word in text and score >= score_threshold
        ]


@pytest.fixture
def presidio_is_there(monkeypatch):
    package, nlp = types.ModuleType("presidio_analyzer"), types.ModuleType("presidio_analyzer.nlp_engine")

    class NlpEngineProvider:
        def __init__(self, *, nlp_configuration):
            self.setup = nlp_configuration

        def create_engine(self):
            return self.setup

    package.AnalyzerEngine, nlp.NlpEngineProvider = FakeEngine, NlpEngineProvider
    monkeypatch.setitem(sys.modules, "presidio_analyzer", package)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.nlp_engine", nlp)
    return package


TOLD = "Ana Ruiz wrote today from ana@example.com, 555, licence BB1388568"


def test_presidio_finds_in_our_words(presidio_is_there, monkeypatch):
    monkeypatch.setattr(presidio, "find_spec", lambda name: name)
    finder = PresidioFinder("en")
    assert [(f.kind, f.text, f.certain) for f in finder(TOLD)] == [
        ("name", "Ana Ruiz", False),
        ("e-mail", "ana@example.com", True),
    ]
    assert finder._engine.nlp_engine["models"] == [{"lang_code": "en", "model_name": "en_core_web_lg"}]
    done = mask({"input": TOLD, "output": "Ana Ruiz"}, finder=finder)
    assert done.texts["input"].startswith("[name 1] wrote today from [e-mail 1],")
    assert done.texts["output"] == "[name 1]"
    assert mask(done.texts, finder=finder).texts == done.texts


def test_presidio_looks_for_what_it_is_asked(presidio_is_there):
    finder = PresidioFinder(
        "en", entities=["MEDICAL_LICENSE", "PHONE_NUMBER"], threshold=0.05, engine=FakeEngine()
    )
    assert [f.kind for f in finder(TOLD)] == ["phone", "medical license"]


def test_without_presidio_or_its_model_the_command_is_told(monkeypatch, request):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(MissingPackageError, match="pip install presidio-analyzer"):
        PresidioFinder()
    request.getfixturevalue("presidio_is_there")
    with pytest.raises(MissingPackageError, match="python -m spacy download en_core_web_nope"):
        PresidioFinder("en", model="en_core_web_nope")
    with pytest.raises(ArgumentError, match="no spaCy model is known for the language 'tlh'"):
        PresidioFinder("tlh")
    with pytest.raises(ArgumentError, match="threshold is 3"):
        PresidioFinder("en", threshold=3)


@pytest.mark.parametrize("module", [check_digits, personal, masking], ids=lambda m: m.__name__)
def test_the_examples_run(module):
    import doctest

    done = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.failed == 0
    assert done.attempted > 0
