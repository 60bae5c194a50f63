"""Which inputs the gate of golden sets takes for one: real different ones, edited copies, paraphrases; and how long it takes.

    python -m benchmarks.duplicates

``different``: real production inputs, those of equal wording left out. Two are known to be different where their labels
are (topic of the sample log, intent of Banking77) or where the set's makers wrote them as different prompts; of a thousand
inputs, how many are taken for another one, at several thresholds, with and without what tells alike questions apart
(numbers, words). Two prompts of BFCL, HaluEval and Alpaca may in fact ask the same: these figures are upper bounds.
``edited``: copies of the same inputs as people and systems make them, found or not at the gate's defaults. ``paraphrases``:
pairs written by a language model for this benchmark, with neither greetings nor copied halves. ``speed``: one case against
a set of 100,000 examples, whose inputs are real ones and pairs of real ones, half of them with a real context.
"""

from __future__ import annotations

import argparse
import re
import string
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

import failscope as fs
from benchmarks.report import ROOT, SHARED, in_fresh_process, save, table
from failscope.golden.dataset import GoldenSet, write_version
from failscope.golden.gate.gate import Gate
from failscope.golden.lines import example_id
from failscope.golden.near.index import FILE, NearIndex
from failscope.golden.near.sameness import has_words, masked, runs, told_apart

MOST, COPIED, SEED = 4_000, 400, 0
LABELLED = ("sample log", "banking77")
OVERLAPS, COSINES = (0.6, 0.7, 0.8), (0.93, 0.95, 0.97)

PARAPHRASES = [
    ("How do I reset my password?", "What are the steps for setting a new password?"),
    ("My card was declined at the shop.", "The store's terminal rejected my card."),
    ("Where is my parcel?", "When will my package arrive?"),
    ("How can I cancel my subscription?", "I'd like to end my subscription, how does that work?"),
    ("Can I change my delivery address?", "Is it possible to update where my order is shipped?"),
    ("Why was I charged twice?", "There are two charges for the same purchase, why?"),
    ("The app keeps crashing on my phone.", "On my phone the app crashes all the time."),
    ("Do you ship to Norway?", "Is shipping to Norway possible?"),
    ("How long does a refund take?", "When will I get my money back?"),
    ("What is the warranty on the lamp?", "How long is the lamp under warranty?"),
    ("I lost my card, what should I do?", "What do I do if my card is lost?"),
    ("How do I turn off notifications?", "How can notifications be turned off?"),
    ("Is there a student discount?", "Do students get a discount?"),
    ("Which payment methods do you accept?", "What payment methods are accepted?"),
    ("The device does not connect to wifi.", "I cannot connect the device to wifi."),
    ("Summarize this article in two sentences.", "In two sentences, summarize this article."),
    ("Write a poem about autumn.", "Compose a poem on the subject of autumn."),
    ("What is the exchange rate for euros?", "For euros, what is the exchange rate?"),
    ("My transfer is still pending.", "Why is my transfer still pending?"),
    ("I want to speak to a human.", "Can I talk to a real person?"),
    ("How do I export my data?", "Is there a way to export my data?"),
    ("Can two people share one account?", "Is it possible for two people to use one account?"),
    ("How much does the premium plan cost?", "What is the price of the premium plan?"),
    ("The battery drains too quickly.", "The battery is empty too fast."),
]  # fmt: skip


def inputs() -> dict[str, tuple[list[str], list[str]]]:
    """Each set's inputs, distinct as the gate reads them, and what tells two of them to be different."""
    log = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz", progress=False).frame
    truth = pd.read_csv(ROOT / "sample_data" / "support_bot_truth.csv", index_col="trace_id", keep_default_na=False)  # fmt: skip
    sets = {"sample log": (log["input"].tolist(), truth.loc[log.index, "topic"].tolist())}
    intents = pd.read_json(SHARED / "intents_banking77.jsonl.gz", lines=True)
    sets["banking77"] = (intents["input"].tolist(), intents["topic"].tolist())
    for name in ("xstest", "bfcl", "halueval_general", "ifeval_en"):
        asked = pd.read_json(SHARED / f"{name}.jsonl.gz", lines=True)["input"].drop_duplicates().tolist()
        sets[name] = (asked, list(map(str, range(len(asked)))))
    asked = pd.read_parquet(SHARED / "alpaca_eval.parquet")["input"].drop_duplicates().tolist()
    sets["alpaca"] = (asked, list(map(str, range(len(asked)))))
    rng, drawn = np.random.default_rng(SEED), {}
    for name, (texts, labels) in sets.items():
        first = {masked(t): (t, label) for t, label in zip(texts[::-1], labels[::-1], strict=True)}
        kept = sorted(first.values())
        order = rng.permutation(len(kept))[:MOST]
        drawn[name] = ([kept[n][0] for n in order], [kept[n][1] for n in order])
    return drawn


def different(name: str, texts: list[str], labels: list[str]) -> list[dict[str, Any]]:
    """Of a thousand inputs, how many are taken for a different one."""
    asked = [masked(t) for t in texts]
    vectors = fs.embed_texts(asked, progress=False)
    cosine = vectors @ vectors.T
    number: dict[str, int] = {}
    rows, columns = [], []
    for n, text in enumerate(asked):
        for run in runs(text):
            rows.append(n)
            columns.append(number.setdefault(run, len(number)))
    counts = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)))
    both = (counts @ counts.T).toarray()
    sizes = np.diag(both)
    overlap = both / (sizes[:, None] + sizes[None] - both)
    apart = np.array(labels, dtype=object)[:, None] != np.array(labels, dtype=object)[None]
    a, b = np.nonzero(np.triu(apart & ((overlap >= min(OVERLAPS)) | (cosine >= min(COSINES))), 1))
    told = np.array([bool(told_apart(asked[i], asked[j])) for i, j in zip(a, b, strict=True)], dtype=bool)
    worded = np.array([has_words(text) for text in asked], dtype=bool)
    near, alike = overlap[a, b], np.where(worded[a] & worded[b], cosine[a, b], 0)

    def rate(taken: np.ndarray) -> float:
        # of two that are taken for one, the gate refuses one
        return 1_000 * len({max(i, j) for i, j in zip(a[taken], b[taken], strict=True)}) / len(texts)

    grid = [("overlap", t, near >= t) for t in OVERLAPS] + [("cosine", t, alike >= t) for t in COSINES]
    limits = Gate()
    grid.append(("the gate", 0.0, (near >= limits.overlap) | (alike >= limits.cosine)))
    return [
        {
            "set": name,
            "inputs": len(texts),
            "by": by,
            "from": threshold or None,
            "in 1,000": rate(taken & ~told),
            "in 1,000 without telling apart": rate(taken),
            "pairs": [[texts[i][:160], texts[j][:160]] for i, j in zip(a[taken & ~told], b[taken & ~told], strict=True)][:8] if by == "the gate" else [],
        }
        for by, threshold, taken in grid
    ]  # fmt: skip


def edits(rng: np.random.Generator) -> dict[str, Callable[[str], str]]:
    """How copies come to differ."""

    def typing_errors(text: str) -> str:
        letters = list(text)
        for _ in range(max(1, len(text) // 50)):
            places = [i for i in range(len(letters) - 1) if letters[i].isalpha() and letters[i + 1].isalpha()]
            if not places:
                break
            i = places[rng.integers(len(places))]
            match rng.integers(4):
                case 0:
                    letters[i], letters[i + 1] = letters[i + 1], letters[i]
                case 1:
                    del letters[i]
                case 2:
                    letters.insert(i, letters[i])
                case _:
                    letters[i] = string.ascii_lowercase[rng.integers(26)]
        return "".join(letters)

    def other_number(text: str) -> str:
        pattern = r"\b(?=[A-Za-z-]*\d)[A-Za-z]{1,4}-?\d{5,}\b|\b\d{7,}\b"
        return re.sub(pattern, lambda m: re.sub(r"\d", lambda _: str(rng.integers(10)), m[0]), text)

    def one_of(*parts: str) -> str:
        return parts[rng.integers(len(parts))]

    return {
        "case and white space": lambda t: f"  {t.upper().replace(' ', '  ')}\n",
        "signs at the end": lambda t: t.rstrip("?.! ") + one_of(" ??", "!", " ...", ""),
        "typing errors, one in 50 signs": typing_errors,
        "a greeting": lambda t: one_of("Hello! ", "Hi team, ", "Good morning. ", "Dear support, ") + t,
        "thanks": lambda t: t + one_of(" Thanks a lot!", " Thank you.", " Please."),
        "another order number": other_number,
        "a sentence before": lambda t: one_of("I wrote to you last week already. ", "This is urgent. ", "I have a question. ") + t,
        "a sentence behind": lambda t: t + one_of(" Please answer soon.", " I am really annoyed.", " This is my second message."),
    }  # fmt: skip


def edited(sets: dict[str, tuple[list[str], list[str]]]) -> list[dict[str, Any]]:
    """The share of copies that the gate finds."""
    rng, rows = np.random.default_rng(SEED + 1), []
    for how, edit in edits(rng).items():
        for name, (texts, _) in sets.items():
            copies = [(t, edit(t)) for t in texts[:COPIED]]
            copies = [(t, copy) for t, copy in copies if copy != t]
            if len(copies) >= 20:
                rows.append({"edit": how, "set": name, "copies": len(copies), "found": found(copies)})
    return rows


def found(pairs: list[tuple[str, str]]) -> float:
    """The share of pairs that are taken for one."""
    near, limits = NearIndex.of(None, progress=False), Gate()
    hits = [
        bool(near.among([{"id": "a", "input": a}, {"id": "b", "input": b}], overlap=limits.overlap, cosine=limits.cosine)[1])
        for a, b in pairs
    ]  # fmt: skip
    return float(np.mean(hits))


def measure(examples: int) -> dict[str, Any]:
    """How long the duplicates of one case take in a set of that many examples."""
    rng = np.random.default_rng(SEED)
    texts = [t for texts, _ in inputs().values() for t in texts]
    contexts = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz", progress=False).frame["context"].tolist()  # fmt: skip
    asked = dict.fromkeys(texts)
    while len(asked) < examples:
        a, b = rng.integers(len(texts), size=2)
        asked.setdefault(f"{texts[a]} {texts[b]}")
    rows = [
        {
            "id": example_id(f"tr{n}"),
            "input": text,
            "context": contexts[rng.integers(len(contexts))] if n % 2 else "",
            "expected_output": None,
            "criteria": [],
            "output": "",
            "system_prompt": "",
            "failure_modes": [f"mode {rng.integers(30)}"],
            "note": "",
            "provenance": {"trace": {"trace_id": f"tr{n}"}},
        }
        for n, text in enumerate(list(asked)[:examples])
    ]
    limits = {"overlap": Gate().overlap, "cosine": Gate().cosine}
    case = [{"id": "new", "input": f"Hello team, {texts[3]} I cannot find it.", "context": ""}]
    fs.embed_texts(["the model is loaded"])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "refunds"
        golden = write_version(home, rows, about={}, parent=None)
        del rows
        seconds = {"first time": timed(lambda: NearIndex.of(home, progress=False).modes(golden))}
        opened = []
        for _ in range(5):
            again = GoldenSet.open(home)
            opened.append(timed(lambda: NearIndex.of(home).in_set(case, again, **limits)))  # noqa: B023  run at once
        held = NearIndex.of(home)
        held.in_set(case, golden, **limits)
        more = [{"id": f"n{n}", "input": f"{texts[n]} {texts[-n]}", "context": ""} for n in range(1_000)]
        seconds |= {
            "one case, file opened": float(np.median(opened)),
            "one case, file held": timed(lambda: held.in_set(case, golden, **limits)),
            "1,000 cases, file held": timed(lambda: held.in_set(more, golden, **limits)),
        }
        return {"examples": examples, "seconds": seconds, "file_mib": (home / FILE).stat().st_size / 2**20}


def timed(run: Callable[[], Any]) -> float:
    """Seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    options = parser.parse_args()
    sets = inputs()
    apart = [row for name, (texts, labels) in sets.items() for row in different(name, texts, labels)]
    copies = edited(sets)
    told = {"pairs": len(PARAPHRASES), "found": found(PARAPHRASES)}
    speed = in_fresh_process("benchmarks.duplicates", examples=options.examples)
    for rows in ([{k: v for k, v in r.items() if k != "pairs"} for r in apart], copies, [told], [speed | speed["seconds"]]):  # fmt: skip
        print(table(rows), end="\n\n")
    save(
        "duplicates",
        {
            "seed": SEED,
            "gate": {"overlap": Gate().overlap, "cosine": Gate().cosine},
            "different": apart,
            "edited": copies,
            "paraphrases": told,
            "speed": speed,
        },
    )


if __name__ == "__main__":
    main()
