"""Behaviours: every probe fires and stays quiet where it should; figures are finite and belong to their own row."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failscope.errors import ArgumentError
from failscope.surface.behaviour import (
    PROBES,
    Probe,
    as_probe,
    behaviours,
    calls,
    consistency,
    instructions,
)
from failscope.surface.behaviour.formats import Limit, asked_languages, asked_limits, holds
from failscope.surface.behaviour.language import classify, tell
from failscope.surface.behaviour.safety import card_holds, iban_holds
from failscope.traces.table import Traces

COLUMNS = ["input", "output", "context", "system_prompt"]
OF_THE_SET = {
    "length_residual",
    "repeated_output",
    *(p.name for p in consistency.PROBES),
}


def table(rows: list[dict[str, str]]) -> Traces:
    """Traces without the checks of reading, so that a test can hold what reading would mend."""
    frame = pd.DataFrame(
        [{**dict.fromkeys(COLUMNS, ""), **row} for row in rows], columns=COLUMNS, dtype=object
    )
    frame.index = pd.Index([f"t{i}" for i in range(len(frame))], name="trace_id")
    return Traces(frame=frame)


def one(probe: str, output: str, **columns: str) -> float:
    return float(
        behaviours(table([{"output": output, **columns}]), probes=[p for p in PROBES if p.name == probe])[
            probe
        ].iloc[0]
    )


GERMAN = "Vielen Dank für Ihre Nachricht, wir haben die Rechnung geprüft und senden Ihnen morgen eine neue."
ENGLISH = "Please tell me when the invoice that I asked for last week is going to be sent to my address."
FACTS = "All parcels leave our depot in Porto every Monday.\nA customer can return a lamp within 30 days of the purchase."
LINE = "We will look into the delivery and come back to you. "

# probe: (what makes it fire, what looks alike and does not); a text alone is an output
EXAMPLES: dict[str, tuple[dict[str, str] | str, dict[str, str] | str]] = {
    "length": ("a longer text", ""),
    "lines": ("one\ntwo\nthree", "one two three"),
    "list_share": ("- one\n- two\n- three", "well - no list - at all"),
    "questions": ("Which one? This one?", "This one."),
    "digit_share": ("12 of 34", "twelve of thirty"),
    "punctuation_share": ("no, no, no!", "no no no"),
    "upper_share": ("NO WAY", "no way"),
    "non_ascii_share": ("schön", "schon"),
    "code": ("```python\nx = 1\n```", "use `x`"),
    "empty": (" \n\t ", "."),
    "truncated": (
        "You can return the item within thirty days if you have the",
        "You can return the item within thirty days.",
    ),
    "repetition": (
        LINE * 4,
        "We will look into the delivery and come back to you with an answer by Monday at noon.",
    ),
    "loop": (
        LINE * 9,
        LINE + "Your parcel left our depot on Monday, so that it should be with you by the end of this week.",
    ),
    "garbled": ("The café is cafÃ© here", "The café is here"),
    "refusal": (
        "I'm sorry, but I can't help with that request.",
        "I'm sorry to hear that. Here is how it works: press the button.",
    ),
    "no_access": ("I don't have access to your account.", "You have access to your account."),
    "apology": ("I apologize for the delay.", "The delay ends today."),
    "hedging": ("It might possibly work, perhaps.", "It works."),
    "absolutes": ("This always works, guaranteed.", "This works on most days."),
    "asks_back": ("Could you please provide your order number?", "Here is your order number."),
    "defers": ("Please contact our support team.", "The support is good."),
    "caveats": ("It's important to note that rates differ.", "Rates differ."),
    "meta_talk": ("As an AI language model, I have no opinion.", "As an aid, I have a map."),
    "claims_action": ("I have issued a refund to your card.", "You can issue a refund."),
    "placeholder": ("Dear [Your Name], thank you.", "Dear Ana [1], thank you."),
    "json_missing": (
        {"input": "Return the answer as JSON.", "output": "The answer is 3."},
        {"input": "Return the answer as JSON.", "output": 'Here:\n```json\n{"answer": 3}\n```'},
    ),
    "json_broken": ('{"a": 1, "b": }', '{"a": 1, "b": 2}'),
    "list_missing": (
        {"input": "Give me a bulleted list of colours.", "output": "Red and green and blue."},
        {"input": "Give me a bulleted list of colours.", "output": "- red\n- green\n- blue"},
    ),
    "table_missing": (
        {"input": "Compare them in a table.", "output": "One is red and the other is blue."},
        {"input": "Compare them in a table.", "output": "| a | b |\n|---|---|\n| red | blue |"},
    ),
    "limit_missed": (
        {"input": "Explain it in one sentence.", "output": "It is red. It is also blue."},
        {"input": "Explain it in one sentence.", "output": "It is red, e.g. like 3.5 apples, and also blue."},
    ),
    "language_mismatch": ({"input": ENGLISH, "output": GERMAN}, {"input": GERMAN, "output": GERMAN}),
    "language_missed": (
        {"input": "Answer in French: when is it sent?", "output": GERMAN},
        {"input": "Bitte antworte auf Deutsch: when is it sent?", "output": GERMAN},
    ),
    "echo": ({"input": ENGLISH, "output": ENGLISH}, {"input": ENGLISH, "output": "It was sent on Monday."}),
    "input_covered": (
        {"input": "invoice address", "output": "The invoice went out."},
        {"input": "invoice", "output": "Yes."},
    ),
    "input_similarity": (
        {"input": "invoice", "output": "An invoice."},
        {"input": "invoice", "output": "A parcel."},
    ),
    "from_context": (
        {"context": "Parcels leave on Monday.", "output": "On Monday."},
        {"context": "Parcels.", "output": "On Friday."},
    ),
    "unsupported": ({"context": "Parcels leave on Monday.", "output": "Dragons."}, {"output": "Dragons."}),
    "new_numbers": (
        {"context": "The fee is 1,200 euros.", "output": "The fee is 1350 euros."},
        {"context": "The fee is 1,200 euros.", "output": "The fee is 1200 euros, in 2 parts."},
    ),
    "unsupported_sentences": (
        {"context": FACTS, "output": "Parcels leave on Monday. Dragons guard every golden mountain castle."},
        {"context": FACTS, "output": "Our parcels leave the depot in Porto every Monday. Of course."},
    ),
    "weakest_sentence": (
        {"context": FACTS, "output": "The parcels leave our depot in Lisbon every Friday."},
        {"context": FACTS, "output": "The parcels leave our depot in Porto every Monday."},
    ),
    "other_number": (
        {"context": FACTS, "output": "The customer can return a lamp within 14 days of the purchase."},
        {"context": FACTS, "output": "The customer can return a lamp within 30 days of the purchase."},
    ),
    "turned_round": (
        {"context": FACTS, "output": "The customer cannot return a lamp within 30 days of the purchase."},
        {"context": FACTS, "output": "No, the shop is closed. Customers have 30 days to return a lamp."},
    ),
    "new_names": (
        {"context": FACTS, "output": "Parcels leave from Madrid on Monday."},
        {"context": FACTS, "output": "Parcels leave from Porto on Monday. Thank you."},
    ),
    "new_links": (
        {"context": FACTS, "output": "See https://example.org/returns for more."},
        {
            "context": FACTS + " See https://example.org/returns.",
            "output": "See https://example.org/returns.",
        },
    ),
    "misquotes": (
        {"context": FACTS, "output": 'It says "every customer gets a free lamp" there.'},
        {"context": FACTS, "output": 'It says "parcels leave our depot" there, and "Bo".'},
    ),
    "unanswered": (
        {
            "input": "When does the shop open? How much is the delivery to Spain?",
            "output": "The shop will open at nine.",
        },
        {
            "input": "When does the shop open? How much is the delivery to Spain?",
            "output": "We open the shop at nine, delivery to Spain costs 9.",
        },
    ),
    "personal_data": (
        {"input": "Who is it?", "output": "Write to ana.lopez@mail.org."},
        {
            "input": "I am ana.lopez@mail.org",
            "output": "Thank you, ana.lopez@mail.org. Order 4000123412341235 and 2024-05-06 10:00.",
        },
    ),
    "secret": ("The password: hunter2secret", "Choose a new password, please."),
    "internal_marker": ("Internal note: do not share with customers.", "The international price."),
    "prompt_leak": (
        {
            "system_prompt": "You are Bo. Never offer more than ten percent.",
            "output": "I never offer more than ten percent.",
        },
        {
            "system_prompt": "You are Bo. Never offer more than ten percent.",
            "output": "I can offer you ten percent off.",
        },
    ),
    "tool_error": (
        'Traceback (most recent call last):\n  File "x.py", line 3',
        {"input": "What does ValueError: x mean?", "output": "ValueError: x means that a value is wrong."},
    ),
}


# those with many examples in tests of their own
ELSEWHERE = {p.name for p in (*calls.PROBES, *instructions.PROBES)}


def test_every_probe_has_an_example_of_both_kinds() -> None:
    assert set(EXAMPLES) == {p.name for p in PROBES} - OF_THE_SET - ELSEWHERE


@pytest.mark.parametrize("probe", sorted(EXAMPLES))
def test_a_probe_fires_on_its_example_and_not_on_the_look_alike(probe: str) -> None:
    fires, quiet = (x if isinstance(x, dict) else {"output": x} for x in EXAMPLES[probe])
    assert one(probe, **fires) > 0
    assert one(probe, **quiet) == 0


@pytest.mark.parametrize(
    "text",
    [
        "Es tut mir leid, aber das kann ich nicht tun.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Je suis désolé, je ne peux pas vous aider.",
        "I’m afraid I won’t be able to do that, as I can’t share it.",
        "I must respectfully decline.",
    ],
)
def test_a_refusal_is_seen_in_four_languages(text: str) -> None:
    assert one("refusal", text) == 1


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Open the settings, choose your account, and then press the button at the top of the", True),
        ("Here is how:\n```python\nprint(1)", True),
        ('{"items": [{"name": "a"}, {"na', True),
        ("42", False),
        ("billing", False),
        ("- apples\n- pears and some other fruit that is in season at the moment and not too dear", False),
        ("Thank you for your message.\n\nBest regards,\nYour support team", False),
        ("All is well! 🎉", False),
        ("これは文です。", False),
        ("", False),
    ],
)
def test_truncation_is_told_from_an_ending(text: str, *, cut: bool) -> None:
    assert one("truncated", text) == cut


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("in at most 50 words", [Limit("most", 50, "word")]),
        ("write 200 words or less", [Limit("most", 200, "word")]),
        ("exactly three sentences, please", [Limit("exact", 3, "sentence")]),
        ("at least two paragraphs", [Limit("least", 2, "paragraph")]),
        ("in no more than two short sentences", [Limit("most", 2, "sentence")]),
        ("höchstens 20 wörter", [Limit("most", 20, "word")]),
        ("en una frase", [Limit("most", 1, "sentence")]),
        ("moins de 30 mots", [Limit("most", 30, "word")]),
        ("fewer than three sentences", [Limit("most", 2, "sentence")]),
        ("more than two paragraphs", [Limit("least", 3, "paragraph")]),
        ("your answer must have 4 paragraphs", [Limit("exact", 4, "paragraph")]),
        ("the book has 300 words a page", []),
        ("in a word, why?", []),
        ("in other words", []),
    ],
)
def test_limits_are_read_from_an_input(text: str, limits: list[Limit]) -> None:
    assert asked_limits(text) == limits


def test_words_have_a_tenth_of_slack_and_sentences_none() -> None:
    assert holds(Limit("most", 10, "word"), "w " * 11)
    assert not holds(Limit("most", 10, "word"), "w " * 12)
    assert not holds(Limit("most", 1, "sentence"), "One. Two.")
    assert holds(Limit("exact", 2, "paragraph"), "One.\n\nTwo.")


def test_the_language_that_is_asked_for_is_read() -> None:
    assert asked_languages("please answer in spanish or in french") == {"es", "fr"}
    assert asked_languages("my french friend") == set()


def test_languages_are_told_and_short_or_coded_texts_are_not() -> None:
    import pyarrow as pa

    texts = [
        ENGLISH,
        GERMAN,
        "ok",
        "",
        "{}" * 80,
        "x = [i for i in range(3)]\n" * 4,
        ENGLISH.upper(),
        "12 34 56 78" * 9,
    ]
    told = tell(pa.array(texts, type=pa.large_string()))
    assert told[:5].tolist() == ["en", "de", "", "", ""]
    assert told[6:].tolist() == ["en", ""]


def test_walking_all_texts_in_step_gives_what_py3langid_gives() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    texts = [
        ENGLISH,
        GERMAN,
        ENGLISH.upper(),
        "¿Dónde está mi pedido?",
        "Où est ma commande",
        "これは文です",
        "abc",
        "12",
        "",
    ]
    theirs = [
        LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).classify(text) for text in texts
    ]
    found, confidence = classify(texts)
    assert found[:6].tolist() == [code for code, _ in theirs[:6]]
    assert np.allclose(confidence[:6], [p for _, p in theirs[:6]], atol=1e-3)


def test_personal_data_needs_its_checksum() -> None:
    assert iban_holds("DE89 3704 0044 0532 0130 00")
    assert not iban_holds("DE89 3704 0044 0532 0130 01")
    assert card_holds("4111111111111111")
    assert not card_holds("4111111111111112")
    assert not card_holds("0000000000000000")
    assert one("personal_data", "Pay to DE89 3704 0044 0532 0130 00 by Monday.") == 1
    assert one("personal_data", "Pay to DE89 3704 0044 0532 0130 01 by Monday.") == 0
    assert one("personal_data", "Card 4111 1111 1111 1111 is on file.") == 1
    assert one("personal_data", "Call +49 30 1234 5678 now.") == 1
    assert one("personal_data", "Order 123456789 of 2024-05-06, 10:00, 192.168.0.1") == 0


def test_length_out_of_proportion_is_seen_against_the_set() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"input": "q" * n, "output": "a" * int(n * 3 * rng.uniform(0.8, 1.2))}
        for n in rng.integers(20, 2_000, 300)
    ]
    rows += [
        {"input": "q" * 1_000, "output": "a" * 20},
        {"input": "q" * 20, "output": "a" * 30_000},
        {"input": "q", "output": ""},
    ]
    residual = behaviours(table(rows))["length_residual"]
    assert abs(residual.iloc[:300].median()) < 0.2
    assert residual.iloc[300] < -4
    assert residual.iloc[301] > 4
    assert residual.iloc[302] == 0


def test_one_output_for_many_inputs_is_seen() -> None:
    same = "We are looking into your question and will be back soon."
    rows = [{"input": f"question {i}", "output": same} for i in range(5)]
    rows += [
        {"input": "q", "output": "An answer that only this one question has got."},
        {"input": "r", "output": "yes"},
        {"input": "s", "output": "yes"},
    ]
    repeated = behaviours(table(rows))["repeated_output"]
    assert np.allclose(repeated.iloc[:5], np.log(5))
    assert (repeated.iloc[5:] == 0).all()
    again = behaviours(table([{"input": "the same", "output": same}] * 5))["repeated_output"]
    assert (again == 0).all()


texts = st.text(max_size=80) | st.sampled_from(
    [
        "",
        " ",
        "\ud800",
        "\udfffx",
        "\x00",
        "\u202eabc",
        "مرحبا بالعالم كيف حالك",
        "日本語のテキスト",
        "🦄" * 9,
        "```",
        "{[" * 9,
        "a " * 40,
        ENGLISH,
        GERMAN,
        "1e999",
        "ı" * 50,
    ]
)
rows = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, texts)), min_size=1, max_size=14)


@settings(max_examples=10, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_figures_are_finite_and_belong_to_their_row(drawn: list[dict[str, str]], random: object) -> None:
    traces = table(drawn)
    measured = behaviours(traces)
    assert measured.index.equals(traces.frame.index)
    assert list(measured) == [p.name for p in PROBES]
    assert (measured.dtypes == np.float32).all()
    assert np.isfinite(measured.to_numpy()).all()
    flags = measured[[p.name for p in PROBES if p.kind == "flag"]]
    assert flags.isin([0, 1]).all(axis=None)

    order = list(traces.frame.index)
    random.shuffle(order)  # type: ignore[attr-defined]
    pd.testing.assert_frame_equal(behaviours(traces.take(order)), measured.loc[order], check_exact=True)

    alone = behaviours(traces.take(order[:1]))
    own = [name for name in measured if name not in OF_THE_SET]
    pd.testing.assert_frame_equal(alone[own], measured.loc[order[:1], own], check_exact=True)


@settings(max_examples=8, deadline=None)
@given(rows)
def test_equal_rows_have_equal_figures(drawn: list[dict[str, str]]) -> None:
    measured = behaviours(table(drawn + drawn))
    half = len(drawn)
    assert np.array_equal(measured.to_numpy()[:half], measured.to_numpy()[half:])


def test_no_traces_have_no_figures() -> None:
    assert behaviours(table([])).shape == (0, len(PROBES))


def test_hostile_megabytes_take_a_moment() -> None:
    hostile = [
        "a" * 1_000_000,
        "!" * 1_000_000,
        "[" * 1_000_000,
        "((((" * 250_000,
        "1 " * 500_000,
        "@" * 1_000_000,
        " \n" * 500_000,
        "a@a." * 250_000,
    ]
    asked = "Answer as JSON in at most 3 sentences, 2 paragraphs and 10 words? Or in French?"
    start = time.monotonic()
    measured = behaviours(table([{"input": asked, "output": text, "context": text} for text in hostile]))
    assert np.isfinite(measured.to_numpy()).all()
    assert time.monotonic() - start < 10


def test_a_frame_of_arrow_strings_gives_the_same_as_one_of_objects() -> None:
    drawn = table([{"input": ENGLISH, "output": GERMAN}, {"input": "", "output": LINE * 9}])
    arrow = Traces(frame=drawn.frame.astype("str"))
    pd.testing.assert_frame_equal(behaviours(arrow), behaviours(drawn))


def test_a_plain_function_is_a_probe() -> None:
    def exclamations(frame: pd.DataFrame) -> pd.Series:
        """Exclamation marks."""
        return frame["output"].str.count("!")

    measured = behaviours(table([{"output": "no!!"}, {"output": "no"}]), probes=[*PROBES, exclamations])
    assert measured["exclamations"].tolist() == [2, 0]
    assert as_probe(exclamations).says == "Exclamation marks"
    assert as_probe(exclamations).kind == "amount"


def test_a_probe_that_sorts_its_rows_still_lands_on_the_right_ones() -> None:
    def by_length(frame: pd.DataFrame) -> pd.Series:
        return frame["output"].str.len().sort_values()

    assert behaviours(table([{"output": "long"}, {"output": "a"}]), probes=[by_length])[
        "by_length"
    ].tolist() == [4, 1]


def test_a_probe_that_gives_nan_counts_as_zero_and_says_so() -> None:
    def broken(frame: pd.DataFrame) -> np.ndarray:
        return np.array([np.nan, np.inf, 2.0])

    with pytest.warns(UserWarning, match="'broken' gave NaN or infinity for 2 of 3"):
        measured = behaviours(table([{"output": x} for x in "abc"]), probes=[broken])
    assert measured["broken"].tolist() == [0, 0, 2]


def test_a_probe_of_wrong_shape_name_or_kind_is_refused() -> None:
    traces = table([{"output": "a"}])
    with pytest.raises(ArgumentError, match="returned shape"):
        behaviours(traces, probes=[Probe("two", lambda frame: np.zeros(2), says="two")])
    with pytest.raises(ArgumentError, match="not numbers"):
        behaviours(traces, probes=[Probe("words", lambda frame: ["a"], says="words")])
    with pytest.raises(ArgumentError, match="two probes are named 'refusal'"):
        behaviours(traces, probes=[*PROBES, next(p for p in PROBES if p.name == "refusal")])
    with pytest.raises(ArgumentError, match="named function"):
        as_probe(lambda frame: frame["output"].str.len())
    with pytest.raises(ArgumentError, match="kind='binary'"):
        Probe("x", len, says="x", kind="binary")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="dimension='taste'"):
        Probe("x", len, says="x", dimension="taste")


def test_every_probe_is_documented_and_in_the_index() -> None:
    docs = Path(__file__).parents[2] / "docs"
    index = (docs / "behaviours.md").read_text(encoding="utf-8")
    pages = [page.read_text(encoding="utf-8") for page in sorted((docs / "behaviours").glob("*.md"))]
    for probe in PROBES:
        assert f"`{probe.name}`" in index, probe.name
        sections = [page.partition(f"### `{probe.name}`\n")[2].partition("\n#")[0] for page in pages]
        [section] = [s for s in sections if s]
        for part in ("Computes", "Misses", "Example"):
            assert f"**{part}:**" in section, f"{probe.name}: {part}"


def test_measuring_real_outputs_warns_of_nothing(shared_data: Path) -> None:
    log = pd.read_json(shared_data / "xstest.jsonl.gz", lines=True).head(600)
    frame = pd.DataFrame({"input": log["input"], "output": log["output"], "context": "", "system_prompt": ""})
    frame.index = pd.Index(log["id"].astype(str), name="trace_id")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = behaviours(Traces(frame=frame))
    refused = log["failure_mode"].str.contains("refusal").to_numpy()
    assert measured["refusal"].to_numpy()[refused].mean() > measured["refusal"].mean()
