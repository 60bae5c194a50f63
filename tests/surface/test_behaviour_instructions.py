"""Instructions: many wordings are read, each is checked on the output, and what only sounds like one is left alone."""

from __future__ import annotations

import time

import pandas as pd
import pytest

from failscope.surface.behaviour import checks
from failscope.surface.behaviour.instructions import KINDS, PROBES, read_instructions
from failscope.surface.behaviour.measure import behaviours
from failscope.traces.table import Traces

LIST3 = "- tea\n- milk\n- bread"

# the kind, what is asked, an answer that keeps to it, one that does not
ASKED = [
    ("letter_case_missed", "Answer in all caps.", "IT IS OPEN.", "It is open."),
    ("letter_case_missed", "Please write everything in capital letters.", "OPEN", "Open"),
    ("letter_case_missed", "Your whole reply should be in lowercase letters.", "it is open.", "It is open."),
    ("letter_case_missed", "No capital letters, please.", "it is open.", "It is open."),
    ("letter_case_missed", "Use only lowercase.", "it is open.", "It is open."),
    ("letter_case_missed", "Antworte nur in Kleinbuchstaben.", "es ist offen.", "Es ist offen."),
    ("forbidden_character", "Explain it without using any commas.", "Tea and milk.", "Tea, milk."),
    ("forbidden_character", "Don't use emojis or exclamation marks.", "Good.", "Good!"),
    ("forbidden_character", "Avoid em dashes.", "Good, then.", "Good — then."),
    ("forbidden_character", "Commas are not allowed in your answer.", "Tea and milk.", "Tea, milk."),
    ("forbidden_character", "Do not use markdown.", "Plain text.", "**Bold** text."),
    ("forbidden_character", "Write it without bullet points.", "Tea and milk.", LIST3),
    ("forbidden_character", "Refrain from the use of question marks.", "Tell me.", "Really?"),
    ("forbidden_character", "Schreibe es ohne Kommas.", "Tee und Milch.", "Tee, Milch."),
    ("forbidden_character", "Escribe sin comas.", "Té y leche.", "Té, leche."),
    ("forbidden_word", 'Do not use the word "refund".', "We pay it back.", "You get a refund."),
    ("forbidden_word", "Avoid the words cheap and discount.", "A fair price.", "A cheap one."),
    ("forbidden_word", "Don't mention the phrases 'sold out' or 'gone'.", "It comes back soon.", "It is sold out."),
    ("forbidden_word", 'The word "very" must not appear.', "It is good.", "It is very good."),
    ("forbidden_word", "Exclude the keywords: [price, cost].", "It is good.", "The price is good."),
    ("forbidden_word", 'Never say "as an AI".', "I think so.", "As an AI, I think so."),
    ("word_missing", 'Include the word "warranty".', "The warranty covers it.", "It is covered."),
    ("word_missing", "Use the keywords lamp and kettle in your reply.", "A lamp, a kettle.", "A lamp."),
    ("word_missing", 'Mention the phrase "free delivery" at least twice.', "Free delivery! Yes, free delivery.", "Free delivery."),
    ("word_missing", 'The word "sun" should appear exactly 2 times.', "Sun and sun.", "Sun, sun, sun."),
    ("word_missing", 'The word "sun" should appear less than 2 times.', "Sun.", "Sun, sun."),
    ("word_missing", 'Use either the word "lamp" or the word "light".', "A light.", "A candle."),
    ("word_missing", "Please include the keywords apologise and refund.", "We apologised and refunded it.", "We apologised."),
    ("letter_count_missed", "The letter q should appear at least 3 times.", "q q q", "q q"),
    ("letter_count_missed", 'In your answer, the letter "z" should appear less than 2 times.', "maze", "zigzag"),
    ("opening_missed", 'Start your answer with "Dear Ana".', "Dear Ana, it is here.", "Hello Ana."),
    ("opening_missed", 'Begin with the phrase "To be fair".', "**To be fair**, yes.", "Yes, to be fair."),
    ("opening_missed", "The second paragraph must start with the word however.", "One.\n\nHowever, two.", "One.\n\nTwo."),
    ("ending_missed", 'End your email with "Kind regards, Bo".', "Hi.\n\nKind regards,\nBo", "Hi.\n\nBo"),
    ("ending_missed", 'Finish your response with the exact phrase "Is that all?".', "Yes. Is that all?", "Is that all? Bye."),
    ("ending_missed", 'The last word should be "amen".', "So be it. Amen.", "So be it."),
    ("quotation_missed", "Wrap your entire response in double quotation marks.", '"It is open."', "It is open."),
    ("item_count_missed", "Answer with exactly 3 bullet points.", LIST3, "- tea\n- milk"),
    ("item_count_missed", "Give me three tips for sleeping.", "1. a\n2. b\n3. c", "1. a\n2. b\n3. c\n4. d"),
    ("item_count_missed", "Use at least two bullets.", LIST3, "- tea"),
    ("item_count_missed", "Write a poem with four lines.", "a b\nc d\ne f\ng h", "a b\nc d"),
    ("item_count_missed", "It should have 2 sections.", "# One\nx\n# Two\ny", "# One\nx\n# Two\ny\n# Three\nz"),
    ("title_missing", "Write a poem and give it a title.", "# Rain\nIt falls.", "It falls, and falls, and falls."),
    ("title_missing", "Your answer must contain a title, wrapped in double angular brackets, such as <<rain>>.", "<<Rain>>\nIt falls.", "Rain\nIt falls."),
    ("postscript_missing", "At the end, add a postscript starting with P.S.", "Bye.\n\nP.S. Call me.", "Bye."),
    ("placeholders_missed", "Use at least two placeholders in square brackets, such as [name].", "Dear [name], on [date].", "Dear [name]."),
    ("repeat_missed", "When does the shop open on Sundays? First repeat the question word for word, then answer.", "When does the shop open on Sundays? At ten.", "At ten."),
    ("separator_missed", "Give two different answers, separated by ******.", "Yes.\n******\nNo.", "Yes. Or no."),
    ("option_missed", "Answer only yes or no.", "Yes.", "It depends on the weather and on you."),
    ("option_missed", "Is it red? Respond with true or false only.", "False", "It is red."),
    ("option_missed", 'Choose one of the following labels: "billing", "delivery", "other".', "delivery", "refund"),
    ("option_missed", "Classify the text into one of the categories (spam, ham).", "spam", "eggs"),
    ("capital_words_missed", "Use at least 3 words in all caps.", "WE LOVE TEA", "We LOVE TEA"),
    ("capital_words_missed", "Words in all capital letters should appear less than 2 times.", "We LOVE it", "WE LOVE it"),
    ("preamble", "Translate it. Only output the translation, no explanations.", "Bonjour.", "Sure, here is the translation: Bonjour."),
    ("preamble", "Just give me the code.", "x = 1", "Certainly! x = 1"),
    ("highlight_missing", "Highlight at least two sections with markdown, i.e. *like this*.", "*One* and *two*.", "*One* and two."),
    ("json_keys_missing", 'Return JSON with the keys "name" and "age".', '{"name": "a", "age": 1}', '{"name": "a"}'),
    ("tags_missing", "Put your final answer inside <answer> tags.", "<answer>4</answer>", "4"),
]  # fmt: skip

# sounds like an instruction, and is about something else
NOT_ASKED = [
    "Why do people write in all caps when they are angry?",
    "I do not use emojis much. Which phone should I buy?",
    "What is the capital of France?",
    "How do I end a letter to my bank?",
    "My title is wrong on the invoice, can you change it?",
    "I have two questions: when do you open, and where are you?",
    "Is it yes or no for the refund that I asked for?",
    "Why does the word processor start with a blank page?",
    "The letter came late, at least 3 days.",
    "I would like to repeat my order of last week.",
    "We were separated by the crowd at the station.",
    "It only gives me an error, what can I do?",
    "Can you highlight what is new in version 3?",
]


@pytest.mark.parametrize(("kind", "asked", "kept", "broken"), ASKED)
def test_an_instruction_is_read_and_checked(kind: str, asked: str, kept: str, broken: str) -> None:
    found = [i for i in read_instructions(asked) if i.kind == kind]
    assert found
    assert all(i.holds(kept) for i in found)
    assert not all(i.holds(broken) for i in found)


def test_every_kind_has_its_wordings() -> None:
    assert {kind for kind, *_ in ASKED} == {kind.name for kind in KINDS}


@pytest.mark.parametrize("text", NOT_ASKED)
def test_what_only_sounds_like_an_instruction_is_left_alone(text: str) -> None:
    broken = [
        i.kind for i in read_instructions(text) if not i.holds("Here it is, as of 2 May: we open at nine!")
    ]
    assert broken == []


def test_the_flag_of_a_kind_and_the_share_not_kept_are_set() -> None:
    frame = pd.DataFrame(
        {
            "input": ["Answer in all caps, without commas, in at most 5 words."] * 2,
            "output": ["YES, IT IS", "it is, as far as I can say"],
            "context": "",
            "system_prompt": "",
        },
        index=pd.Index(["a", "b"], name="trace_id"),
    )
    found = behaviours(Traces(frame=frame), probes=PROBES)
    assert found["letter_case_missed"].tolist() == [0, 1]
    assert found["forbidden_character"].tolist() == [1, 1]
    assert found["instructions_missed"].tolist() == pytest.approx([1 / 3, 1])


def test_an_empty_output_misses_nothing_as_it_has_a_probe_of_its_own() -> None:
    frame = pd.DataFrame(
        {"input": ["Answer in all caps."], "output": [""], "context": "", "system_prompt": ""},
        index=pd.Index(["a"], name="trace_id"),
    )
    assert (behaviours(Traces(frame=frame), probes=PROBES).drop(columns="instructions") == 0).all(axis=None)


def test_hostile_inputs_are_read_in_a_moment() -> None:
    parts = [
        "do not use the ",
        "the word ",
        '"a" and ',
        "at least 3 ",
        "end with ",
        "'",
        "*** ",
        "one of the ",
        "[",
        "<a> ",
    ]
    start = time.monotonic()
    for text in [*(part * 4_000 for part in parts), "".join(parts) * 400]:
        for instruction in read_instructions(text):
            instruction.holds("a " * 2_000)
            break
    assert time.monotonic() - start < 10


def test_items_are_counted_on_the_first_level() -> None:
    assert checks.items("1. a\n   - x\n   - y\n2. b\n3. c") == 3
    assert checks.items("- a\n  - x\n- b") == 2
    assert checks.items("In 2019. it was") == 0


def test_a_phrase_within_a_longer_word_does_not_count() -> None:
    assert checks.count_phrase("Cart, art and ART.", "art") == 2
    assert checks.count_phrase("a\nfree  delivery", "free delivery") == 1
