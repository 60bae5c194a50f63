"""How often personal data is found in real texts, of which kind, and how fast.

    python -m benchmarks.personal_data

The labelled samples and the sample data, each text once, at most ``ROWS`` of a field by ``random_state=0``. A find is no
error: most texts that name a person do name one. How many finds are wrong was judged by eye on the texts that ``drawn``
prints with ``python -m benchmarks.personal_data look``; the figures are in ``docs/personal_data.md``.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import pandas as pd

from benchmarks.report import ROOT, SHARED, save, table
from failscope.traces.personal import KINDS, find_personal

SETS = ("xstest", "ifeval_en", "bfcl", "halueval_general", "agent_traces", "intents_banking77", "alpaca_eval")
ROWS = 6_000
LOOK = {
    "name": 300,
    "phone": 100,
    "key": 60,
    "e-mail": 60,
    "IP": 40,
    "card": 40,
    "IBAN": 40,
    "national number": 40,
}


def read(name: str) -> pd.DataFrame:
    """One set as a frame with ``input`` and ``output``."""
    if name == "support_bot":
        return pd.read_json(ROOT / "sample_data" / "support_bot.jsonl.gz", lines=True)
    parquet = SHARED / f"{name}.parquet"
    return (
        pd.read_parquet(parquet)
        if parquet.is_file()
        else pd.read_json(SHARED / f"{name}.jsonl.gz", lines=True)
    )


def texts_of(frame: pd.DataFrame, field: str) -> list[str]:
    """The different texts of a field, at most ``ROWS``."""
    texts = frame[field].astype(str).drop_duplicates()
    texts = texts[texts != ""]
    return (texts.sample(ROWS, random_state=0) if len(texts) > ROWS else texts).tolist()


def measure(name: str) -> tuple[list[dict[str, object]], list[dict[str, str]]]:
    """One row a field, texts with a find of each kind in 1,000; and every find with what stands around it."""
    rows, finds = [], []
    frame = read(name)
    for field in ("input", "output"):
        texts, holding = texts_of(frame, field), Counter()
        if not texts:
            continue
        begun = time.perf_counter()
        found = [find_personal(text) for text in texts]
        took = time.perf_counter() - begun
        for text, here in zip(texts, found, strict=True):
            holding.update({f.kind for f in here})
            finds += [
                {
                    "set": name,
                    "kind": f.kind,
                    "before": text[max(0, f.start - 45) : f.start],
                    "text": f.text,
                    "after": text[f.end : f.end + 25],
                }
                for f in here
            ]
        rows.append(
            {
                "set": name,
                "field": field,
                "texts": len(texts),
                **{kind: round(1000 * holding[kind] / len(texts), 2) for kind in KINDS},
                "signs a second": int(sum(map(len, texts)) / took),
            }
        )
    return rows, finds


def drawn(finds: list[dict[str, str]]) -> pd.DataFrame:
    """A random sample of the finds of each kind in the labelled sets, to be judged by eye."""
    frame = pd.DataFrame(finds)
    frame = frame[frame["set"] != "support_bot"]
    parts = [g.sample(min(len(g), LOOK[str(k)]), random_state=0) for k, g in frame.groupby("kind")]
    return pd.concat(parts)


def main() -> None:
    """Measure all sets that are there, print the table and keep the figures."""
    there = [n for n in SETS if any((SHARED / f"{n}.{end}").is_file() for end in ("jsonl.gz", "parquet"))]
    rows, finds = [], []
    for name in (*there, "support_bot"):
        more, seen = measure(name)
        rows += more
        finds += seen
    if sys.argv[1:] == ["look"]:
        for find in drawn(finds).to_dict("records"):
            print(find["kind"], "|", repr(find["before"]), "|", repr(find["text"]), "|", repr(find["after"]))
        return
    print(table(rows))
    save("personal_data", {"rows": rows, "finds": dict(Counter(f["kind"] for f in finds))})


if __name__ == "__main__":
    main()
