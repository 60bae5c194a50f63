"""Contrast with the nearest passing answer: which one is chosen, what is said of it, and that hostile text stays text."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

import failscope as fs
from failscope.errors import NotFoundError
from failscope.surface.contrast import SHOWN, Contrast, contrast

FINE = "Your parcel left our house on Monday and arrives on Thursday."
REFUSAL = "I'm sorry, but I can't help with that request."


def grouped(
    rows: list[dict[str, object]],
    *,
    filler: int = 30,
    order: int | None = None,
    probes: list[fs.Probe] | None = None,
) -> fs.Clustering:
    """The rows and plain answers to unrelated questions beside them, in one group."""
    places = ["Oslo", "Lima", "Cairo", "Quito", "Hanoi", "Perth"]
    rows = rows + [
        {
            "trace_id": f"f{n:03d}",
            "input": f"What do the museums of {places[n % 6]} show in summer, part {n}?",
            "output": f"They show paintings of {places[(n + 1) % 6]} and {n} maps.",
        }
        for n in range(filler)
    ]
    frame = pd.DataFrame(rows)
    if order is not None:
        frame = frame.sample(frac=1, random_state=order)
    signals = {"thumbs": "good"} if "thumbs" in frame else {}
    traces = fs.Traces.from_frame(frame, signals=signals)  # type: ignore[arg-type]
    return one_group(traces, probes=fs.PROBES if probes is None else probes)


def one_group(traces: fs.Traces, *, probes: Sequence[fs.Probe]) -> fs.Clustering:
    """All traces in one cluster: a contrast asks for their behaviours, not for their groups."""
    n = len(traces)
    flat = np.zeros(n, dtype=np.int64)
    said = [{"name": p.name, "says": p.says, "kind": p.kind, "hint": p.hint} for p in probes]
    return fs.Clustering(
        traces=traces,
        trace_ids=traces.trace_ids,
        labels=flat,
        layers=(flat,),
        strength=np.ones(n, dtype=np.float32),
        edge=np.zeros(n, dtype=np.float32),
        stability={0: 1.0},
        xy=np.zeros((n, 2), dtype=np.float32),
        exemplar=flat - 1,
        view="behaviour",
        params={"probes": said},
        behaviours=fs.behaviours(traces, probes=probes),
    )


def tenth_row(frame: pd.DataFrame) -> np.ndarray:
    return np.arange(len(frame)) % 10 == 0


def row(trace_id: str, asked: str, output: str, **more: object) -> dict[str, object]:
    return {"trace_id": trace_id, "input": asked, "output": output, **more}


ASKED = "Where is my parcel?"


def test_an_equal_input_wins_over_a_like_one_and_the_nearest_output_among_equals() -> None:
    found = grouped(
        [
            row("bad", ASKED, REFUSAL),
            row("like", "Where is my parcel now?", "I'm sorry to hear it. That request is on its way."),
            row("far", "  where is MY parcel? ", "Quantum chromodynamics has eight gluons."),
            row("near", ASKED, "I'm sorry to hear that; we can help with that request tomorrow."),
        ]
    )
    pair = contrast(found, "bad")
    assert isinstance(pair, Contrast)
    assert (pair.passing_id, pair.same_input, pair.similarity) == ("near", True, 1.0)
    assert pair.says[0] == "refuses: here, not there"
    assert contrast(found, "bad", passing=["far", "like"]).passing_id == "far"  # type: ignore[union-attr]
    nearest = contrast(found, "bad", passing=["like", "f001"])
    assert nearest is not None
    assert (nearest.passing_id, nearest.same_input) == ("like", False)
    assert 0.6 <= nearest.similarity < 1


def test_of_equal_inputs_the_one_with_the_same_context_is_taken() -> None:
    found = grouped(
        [
            row("bad", ASKED, REFUSAL, context="Order 12 was sent on Monday."),
            row(
                "other", ASKED, "I'm sorry, but there is a help page for that.", context="There is no order."
            ),
            row("same", ASKED, FINE, context="Order 12 was sent on Monday."),
        ]
    )
    assert contrast(found, "bad").passing_id == "same"  # type: ignore[union-attr]


def test_what_was_flagged_does_not_pass() -> None:
    rows = [
        row("bad", ASKED, REFUSAL, thumbs=-1),
        row("flagged", ASKED, "Your parcel is lost in our house, sorry.", thumbs=-1),
        row("refusing", ASKED, REFUSAL, thumbs=None),
        row("fine", ASKED, FINE, thumbs=1),
    ]
    assert contrast(grouped(rows), "bad").passing_id == "fine"  # type: ignore[union-attr]
    assert contrast(grouped(rows[:3]), "bad") is None
    # a person's word goes above every hint
    assert contrast(grouped(rows[:3]), "bad", passing=["refusing"]).passing_id == "refusing"  # type: ignore[union-attr]


def test_nothing_near_is_no_contrast() -> None:
    found = grouped([row("bad", "zxqv jkkw", REFUSAL)])
    assert contrast(found, "bad") is None
    assert contrast(found, "bad", passing=[]) is None
    blank = grouped([row("bad", "", REFUSAL)])
    assert contrast(blank, "bad") is None


def test_a_trace_is_never_its_own_contrast() -> None:
    found = grouped([row("fine", ASKED, FINE), row("twin", ASKED, FINE)])
    pair = contrast(found, "fine")
    assert pair is not None
    assert pair.passing_id == "twin"
    assert pair.says == ()
    assert [shared for _, shared in pair.words] == [True]


def test_an_unknown_trace_is_named() -> None:
    found = grouped([row("bad", ASKED, REFUSAL)])
    with pytest.raises(NotFoundError, match="'nobody'"):
        found.contrast("nobody")
    with pytest.raises(NotFoundError, match="'noone'"):
        found.contrast("bad", passing=["f001", "noone"])


def test_the_order_of_the_rows_changes_nothing() -> None:
    rows = [row(f"b{n}", ASKED, REFUSAL + " Sorry." * n) for n in range(3)]
    rows += [row(f"p{n}", ASKED, FINE) for n in range(4)]
    pairs = [contrast(grouped(rows, order=seed), "b1") for seed in (None, 1, 2)]
    assert {(p.passing_id, p.says, p.words) for p in pairs if p is not None} == {
        ("p0", pairs[0].says, pairs[0].words)  # type: ignore[union-attr]
    }


def test_the_words_that_differ_add_up_to_both_outputs() -> None:
    here = "The train to Bergen leaves at nine\nfrom platform two. It has no dining car."
    there = "The train to Bergen leaves at eleven from platform two. It has a dining car. 東京へ行きます"
    found = grouped(
        [row("bad", "When is my train?", here, thumbs=-1), row("fine", "When is my train?", there, thumbs=1)]
    )
    pair = found.contrast("bad", passing=["fine"])
    assert pair is not None
    assert "".join(piece for piece, _ in pair.words) == here
    assert "".join(piece for piece, _ in pair.passing_words) == there
    assert [piece.strip() for piece, shared in pair.words if not shared] == ["nine", "no"]
    assert "The train to Bergen leaves at " in [piece for piece, shared in pair.words if shared]


def test_a_lone_common_word_between_two_passages_is_not_shared() -> None:
    found = grouped(
        [
            row("bad", ASKED, "alpha beta the gamma delta", thumbs=-1),
            row("fine", ASKED, "one two the three four", thumbs=1),
        ]
    )
    pair = found.contrast("bad")
    assert pair is not None
    assert pair.words == (("alpha beta the gamma delta", False),)
    assert "<mark" not in pair._repr_html_()
    assert "no passage in common" in pair._repr_html_()


def test_figures_are_said_as_a_person_reads_them() -> None:
    found = grouped(
        [
            row("bad", "Name two rivers", "Elbe", thumbs=-1),
            row("fine", "Name two rivers", "1. Elbe\n2. Oder\n3. Rhine\n4. Main\n5. Weser\n6. Inn", thumbs=1),
        ],
        probes=[probe for probe in fs.PROBES if probe.name in ("length", "lines", "list_share")],
    )
    pair = found.contrast("bad")
    assert pair is not None
    assert set(pair.says) == {
        "line breaks: 0 here, 5 there",
        "share of lines that are list items: 0% here, 100% there",
        "output length: 4 here, 48 there (characters)",
    }
    frame = pair.to_frame()
    assert frame.index.tolist() == ["bad", "fine"]
    assert frame["passing"].tolist() == [False, True]
    assert frame.shape == (2, 3 + len(pair.says))


def test_hostile_text_stays_text() -> None:
    hostile = "<script>alert(1)</script> \u202egnirts \x00 </div><mark>"
    found = grouped(
        [
            row("<b>bad</b>", "<img src=x onerror=alert(1)> where is it", hostile, thumbs=-1),
            row("fine", "<img src=x onerror=alert(2)> where is it", hostile + " " + FINE, thumbs=1),
        ]
    )
    pair = found.contrast("<b>bad</b>", passing=["fine"])
    assert pair is not None
    shown = pair._repr_html_()
    for never in ("<script", "<img", "<b>bad", "\u202e", "\x00"):
        assert never not in shown
    assert shown.count("<div") == shown.count("</div")
    assert shown.count("<mark") == shown.count("</mark>") > 0
    shown.encode("utf-8")


def test_long_and_empty_outputs_are_shown_in_bounds() -> None:
    long = " ".join(f"word{n}" for n in range(20_000))
    found = grouped([row("empty", ASKED, "", thumbs=-1), row("long", ASKED, long, thumbs=1)])
    pair = found.contrast("empty", passing=["long"])
    assert pair is not None
    assert pair.words == ()
    shown = pair._repr_html_()
    assert "empty output" in shown
    assert f"{len(long) - SHOWN:,} more characters" in shown
    assert len(shown) < 3 * SHOWN


def test_what_is_kept_for_contrasts_goes_with_the_clustering() -> None:
    found = grouped([row("bad", ASKED, REFUSAL), row("fine", ASKED, FINE)])
    assert found.contrast("bad") is not None
    gone = weakref.ref(found)
    del found
    gc.collect()
    assert gone() is None


def test_a_second_contrast_among_fifty_thousand_is_quick() -> None:
    rng = np.random.default_rng(0)
    n = 50_000
    ids = pd.Index([f"t{i}" for i in range(n)], name="trace_id", dtype="str")
    words = np.array(["parcel", "invoice", "late", "refund", "lamp", "where", "broken", "order"])
    texts = [" ".join(w) for w in words[rng.integers(0, 8, (n, 4))]]
    traces = fs.Traces.from_frame(
        pd.DataFrame({"trace_id": ids, "input": [f"{t} {i}" for i, t in enumerate(texts)], "output": texts})
    )
    shouts = fs.Probe("loud", tenth_row, says="shouts", kind="flag", hint=True)
    found = one_group(traces, probes=[shouts])
    assert found.contrast("t0") is not None
    start = time.perf_counter()
    pair = found.contrast("t10")
    took = time.perf_counter() - start
    assert pair is not None
    assert pair.says == ("shouts: here, not there",)
    assert took < 1.5  # 0.1 s on a quiet machine
