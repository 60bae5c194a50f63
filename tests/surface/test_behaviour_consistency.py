"""Consistency: the same question is found in other words, and what differs from the others' answers is seen."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from failscope.surface.behaviour.consistency import PROBES, canonical
from failscope.surface.behaviour.measure import behaviours
from failscope.surface.behaviour.questions import questions
from failscope.surface.behaviour.scan import Scan
from failscope.traces.table import Traces


def table(rows: list[dict[str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [{"input": "", "output": "", "context": "", "system_prompt": "", **row} for row in rows]
    )
    frame.index = pd.Index([f"t{i}" for i in range(len(frame))], name="trace_id")
    return frame


def measured(outputs: list[str], asked: str = "How long is the warranty of the lamp?") -> pd.DataFrame:
    return behaviours(Traces(frame=table([{"input": asked, "output": o} for o in outputs])), probes=PROBES)


def same(a: str, b: str, *, contexts: tuple[str, str] = ("", ""), others: int = 200) -> bool:
    """Whether two inputs count as one question among many others."""
    things = ["lamp", "kettle", "phone", "watch", "sofa", "chair", "desk", "radio", "tent", "bike"]
    rest = [
        {"input": f"Please tell me how much the {things[i % 10]} number {i} costs in the shop"}
        for i in range(others)
    ]
    pair = [{"input": text, "context": context} for text, context in zip((a, b), contexts, strict=True)]
    found = questions(Scan(table([*pair, *rest])))
    return bool(found[0] == found[1] and found[0] >= 0)


LONG = "Can you explain to my grandmother how she should clean the glass door of her old oven without any harsh chemicals"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Where is my parcel now?", "where is my parcel now"),
        ("Where is  my parcel,\nnow", "Where is my parcel now?"),
        (LONG, LONG.replace("Can you", "Could you")),
        (LONG, LONG + ", please?"),
    ],
)
def test_the_same_question_is_found_in_nearly_the_same_words(a: str, b: str) -> None:
    assert same(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("What is 12 + 30 in total?", "What is 12 - 30 in total?"),
        ("What is 12 + 30 in total?", "What is 12 + 31 in total?"),
        (LONG, LONG.replace("she should", "she should not")),
        (LONG, LONG.replace("oven", "car")),
        ("Translate this text from German to English: der gute alte Mann geht heute nach Hause", "Translate this text from English to German: der gute alte Mann geht heute nach Hause"),
        ("Please tell me how much the lamp number one costs in the shop", "Please tell me how much the tent number one costs in the shop"),
        ("yes", "yes"),
    ],
)  # fmt: skip
def test_another_question_is_not_taken_for_the_same(a: str, b: str) -> None:
    assert not same(a, b)


def test_the_same_words_in_another_context_are_another_question() -> None:
    asked = "What does the text say of refunds?"
    assert same(asked, asked, contexts=("one", "one"))
    assert not same(asked, asked, contexts=("one", "two"))


def test_who_is_asked_alone_is_neutral() -> None:
    rows = [
        {"input": f"What is the name of the {w} planet?", "output": w * 9}
        for w in ("first", "second", "ninth")
    ]
    assert (behaviours(Traces(frame=table(rows)), probes=PROBES) == 0).all(axis=None)


def test_the_answer_unlike_the_others_disagrees_most() -> None:
    good = "The lamp has a warranty of two years from the day of purchase."
    found = measured(
        [good, good + " Keep the receipt.", good, "Bananas are yellow and grow in warm countries."]
    )
    assert found["disagreement"].idxmax() == "t3"
    assert found["disagreement"].drop("t3").max() < 0
    assert found["answers_vary"].nunique() == 1
    assert measured([good] * 4)["answers_vary"].max() == pytest.approx(0, abs=1e-6)


def test_of_two_answers_neither_is_the_odd_one() -> None:
    found = measured(["Two years from the purchase.", "There is none at all, sorry."])
    assert found["disagreement"].abs().max() == pytest.approx(0, abs=1e-6)
    assert (found["answers_vary"] > 0).all()


@pytest.mark.parametrize(
    ("most", "also", "other"),
    [
        ("Two years.", "The warranty is two years, as you can read in the manual that came with it.", "Three years."),
        ('{"years": 2, "parts": ["a"]}', '{"parts": ["A"], "years": 2.0}', '{"years": 3, "parts": ["a"]}'),
        ('[look_up(item="lamp", n=1)]', '[{"name": "look_up", "arguments": {"n": 1, "item": "Lamp"}}]', '[look_up(item="sofa", n=1)]'),
        ("Yes, it has one, for two years from the day on which you bought it in the shop.", "Yes.", "No, there is none on lamps, as they are sold as they are and nobody can tell why."),
        ("I looked into the manual of it, and there it says that the warranty lasts for 24 months in all.", "24", "I looked into the manual of it, and there it says that the warranty lasts for 36 months in all."),
        ("It is two years, which you can read in the manual that came with the lamp in its box.", "It lasts two years in all, as the manual in the box of the lamp would have told you.", ""),
    ],
)  # fmt: skip
def test_the_answer_of_the_minority_is_flagged_and_the_same_in_another_form_is_not(
    most: str, also: str, other: str
) -> None:
    found = measured([most, most, most, also, other])
    assert found["minority_answer"].tolist() == [0, 0, 0, 0, 1]


def test_half_and_half_is_no_majority() -> None:
    assert (measured(["Two.", "Two.", "Three.", "Three."])["minority_answer"] == 0).all()


def test_length_is_compared_with_the_others_alone() -> None:
    found = measured(["word " * 20, "word " * 20, "word " * 20, "word " * 200])
    assert found["peer_length"].iloc[3] == pytest.approx(np.log(10) * 3 / 4, abs=0.02)
    assert found["peer_length"].iloc[:3].abs().max() < 0.01


def test_numbers_are_compared_by_value() -> None:
    assert canonical("It is 1,200.") == canonical("it is 1200.0")
    assert canonical('{"a": "1,200"}') == canonical('{"A": 1200}')
    assert canonical("word " * 40) is None


def test_no_figure_depends_on_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    words = np.array(
        [
            "lamp",
            "kettle",
            "phone",
            "watch",
            "sofa",
            "chair",
            "desk",
            "radio",
            "tent",
            "bike",
            "red",
            "blue",
            "old",
            "new",
            "big",
            "small",
        ]
    )
    base = [" ".join(rng.choice(words, 14)) for _ in range(30)]
    rows = []
    for _ in range(300):
        text = str(rng.choice(base)).split()
        if rng.random() < 0.5:
            text[int(rng.integers(14))] = str(rng.choice(words))
        rows.append({"input": " ".join(text), "output": " ".join(rng.choice(words, int(rng.integers(1, 9))))})
    frame = table(rows)
    order = rng.permutation(len(frame))
    first = behaviours(Traces(frame=frame), probes=PROBES)
    again = behaviours(Traces(frame=frame.iloc[order]), probes=PROBES)
    assert first["answers_vary"].nunique() > 10
    pd.testing.assert_frame_equal(again.loc[first.index], first)


def test_one_question_asked_ten_thousand_times_takes_no_square_of_time() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(300)])
    rows = [
        {"input": "Summarise the text that is above.", "output": " ".join(rng.choice(words, 20))}
        for _ in range(10_000)
    ]
    start = time.monotonic()
    behaviours(Traces(frame=table(rows)), probes=PROBES)
    assert time.monotonic() - start < 10
