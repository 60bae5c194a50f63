"""Nearness: which questions are one, which are told apart, and a kept file that nothing in it can turn against the gate."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.golden.dataset import GoldenSet, write_version
from failscope.golden.lines import example_id
from failscope.golden.near.index import FILE, NearIndex, place_of
from failscope.golden.near.sameness import folded, masked, overlap, sketches, told_apart

LIMITS = {"overlap": 0.7, "cosine": 0.95}
QUESTIONS = [
    f"{verb} {thing} {when}?"
    for verb in ("How do I return", "Can I exchange", "Where do I collect", "Who repairs", "What insures")
    for thing in ("a lamp", "the blue kettle", "my old phone", "a broken watch", "two loud speakers")
    for when in ("in winter", "after the sale", "without a receipt", "as a school", "from abroad")
]


def rows(questions=QUESTIONS, **fields):
    return [
        {
            "id": example_id(f"t{n}"),
            "input": question,
            "context": "",
            "expected_output": None,
            "output": "",
            "system_prompt": "",
            "failure_modes": ["rude"] if n % 3 else ["rude", "late"],
            "note": "",
            "provenance": {"trace": {"trace_id": f"t{n}"}},
        }
        | fields
        for n, question in enumerate(questions)
    ]


def ask(question: str, context: str = "", name: str = "new") -> dict[str, str]:
    return {"id": name, "input": question, "context": context}


@pytest.fixture
def golden(tmp_path) -> GoldenSet:
    return write_version(tmp_path / "refunds", rows(), about={"curator": "c"}, parent=None)


def found(golden: GoldenSet, question: str = QUESTIONS[7] + " Thanks!"):
    return NearIndex.of(golden.folder.parent).in_set([ask(question)], golden, **LIMITS)[0]


# when two are one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("where is my lamp?", "where is my kettle?"),
        ("where is my lamp? it was order 12.", "where is my lamp? it was order 13."),
        ("we order 15 lamps for the hotel", "we order 28 lamps for the hotel"),
        ("delivered on may 18, can i return it", "delivered on may 23, can i return it"),
        ("what is the process for butchering a pig?", "what is the process for butchering a human?"),
        ("list two methods", "list three methods"),
        ("we order 15 lamps", "we order 15 lamps, and need them in 3 days"),
        ("how can i withdraw money?", "why can't i withdraw money?"),
        ("ich kann bezahlen", "ich kann nicht bezahlen"),
        ("我的灯在哪里", "我的水壶在哪里"),
    ],
)
def test_another_thing_number_or_negation_makes_another_question(a, b):
    assert told_apart(masked(a), masked(b))
    assert told_apart(masked(b), masked(a))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("where is my lamp?", "hello, where is my lamp? it is urgent"),
        ("where is my parcel", "where is my pacrel"),
        ("why was my transfer declined", "why was my trasnfer delcined"),
        ("where is order QH-86330?", "where is order QH-11952?"),
        ("where is order 8633012?", "where is order 1195244?"),
        ("my top-up failed", "my topup failed"),
        ("what can i pay with?", "with what can i pay?"),
        ("we order lamps", "we order lamps, and need them in 3 days"),
        ("", ""),
    ],
)
def test_typing_errors_greetings_and_order_numbers_make_no_other_question(a, b):
    assert told_apart(masked(a), masked(b)) == ""
    assert told_apart(masked(b), masked(a)) == ""


def test_exact_means_alike_but_for_case_white_space_and_compatible_signs():
    assert folded(" ＷＨＹ\tStraße\n ﬁt ") == "why strasse fit"


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_overlap_is_symmetric_and_any_text_can_be_compared(a, b):
    one, two = masked(a), masked(b)
    assert 0 <= overlap(one, two) == overlap(two, one) <= 1
    assert overlap(one, one) == 1
    assert bool(told_apart(one, two)) == bool(told_apart(two, one))


def test_sketches_estimate_the_overlap_within_their_error():
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(400):
        text = "".join(rng.choice(list("abcdefgh "), size=int(rng.integers(20, 400))))
        cut = text[int(len(text) * rng.uniform(0, 0.6)) :]
        pairs.append((text, cut))
    exact = np.array([overlap(a, b) for a, b in pairs])
    one, two = sketches([a for a, _ in pairs]), sketches([b for _, b in pairs])
    # unlike texts agree in one byte of 256; the rest is binomial (Li and König, 2010)
    expected = exact + (1 - exact) / 256
    estimated = (one == two).mean(axis=1)
    error = np.sqrt(expected * (1 - expected) / 128)
    assert abs((estimated - expected).mean()) < 4 * error.mean() / np.sqrt(len(pairs))
    assert (np.abs(estimated - expected) < 5 * error + 1e-9).all()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_sketch_does_not_depend_on_the_texts_beside_it(texts):
    together = sketches(texts)
    assert all((sketches([text])[0] == row).all() for text, row in zip(texts, together, strict=True))


# searching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (QUESTIONS[7].upper() + "\n", "exact"),
        ("Hello! " + QUESTIONS[7], "near"),
        ("In the winter, who repairs my old phone?", "paraphrase"),
    ],
)
def test_the_example_that_asks_the_same_is_found_with_its_figure(golden, question, kind):
    near = found(golden, question)
    assert near.kind == kind
    assert folded(near.input) == folded(QUESTIONS[7]) or kind == "paraphrase"
    assert near.figure == 1 if kind == "exact" else 0.7 <= near.figure <= 1 + 1e-6
    assert near.example_id in golden.rows.ids


def test_another_question_finds_nothing(golden):
    assert found(golden, "How long does the battery of the drone last on a cold day?") is None


def test_the_same_question_to_other_facts_is_another_one():
    facts = "The order was shipped on 3 May with the carrier Nord."
    other = "The order waits in the warehouse for the customs papers."
    questions = [ask("Where is my order?", facts, "a"), ask("Where is my order?", other, "b"), ask("Where is my order", facts + " ", "c")]  # fmt: skip
    among = NearIndex.of(None).among(questions, **LIMITS)
    assert [[near.example_id for near in nears] for nears in among] == [[], [], ["a"]]


def test_an_empty_input_is_one_with_an_empty_input_alone():
    among = NearIndex.of(None).among([ask("", name="a"), ask("???", name="b"), ask(" \n", name="c"), ask("🙂", name="d"), ask("🙏😡?", name="e")], **LIMITS)  # fmt: skip
    assert [[near.example_id for near in nears] for nears in among] == [[], [], ["a"], [], []]


def test_every_copy_with_a_greeting_is_found_among_many(golden):
    copies = [ask("Good morning! " + q, name=f"n{n}") for n, q in enumerate(QUESTIONS)]
    nears = NearIndex.of(None).in_set(copies, golden, **LIMITS)
    assert [folded(near.input) for near in nears] == [folded(q) for q in QUESTIONS]


def test_an_examples_place_is_that_of_its_id(golden):
    assert all(place_of(golden, i) == n for n, i in enumerate(golden.rows.ids))
    assert place_of(golden, "ex-") is None
    assert place_of(golden, "zz") is None


def test_failure_modes_are_counted_together(golden):
    expected = {("rude",): 83, ("rude", "late"): 42}
    assert dict(NearIndex.of(golden.folder.parent).modes(golden)) == expected
    assert dict(NearIndex.of(golden.folder.parent).modes(golden)) == expected  # from the file
    assert not NearIndex.of(None).modes(None)


# the file --------------------------------------------------------------------------------------------------------


class Counting:
    """The bundled embedder, counting its texts."""

    def __init__(self, name="counting", width=256):
        self.name, self.texts, self.width = name, 0, width

    def embed(self, texts):
        self.texts += len(texts)
        return fs.StaticEmbedder().embed(texts)[:, : self.width]


def test_what_is_kept_is_not_made_again(golden):
    home = golden.folder.parent
    first, second = Counting(), Counting()
    assert NearIndex.of(home, embedder=first).in_set([ask("Why?")], golden, **LIMITS) == [None]
    assert NearIndex.of(home, embedder=second).in_set([ask("Why?")], golden, **LIMITS) == [None]
    assert first.texts > len(QUESTIONS)
    assert second.texts < 3 + 32  # 32 rows are looked at again
    assert golden.verify()


def test_new_examples_are_added_to_what_is_kept(golden):
    home = golden.folder.parent
    NearIndex.of(home).modes(golden)
    more = rows([*QUESTIONS, *(f"Is the {n}th of May a holiday in shop number {n}?" for n in range(100))])
    second = write_version(home, more, about={"curator": "c"}, parent=golden)
    counting = Counting(name=fs.StaticEmbedder().name)
    near = NearIndex.of(home, embedder=counting)
    assert sum(near.modes(second).values()) == 225
    assert 100 <= counting.texts <= 102 + 32
    assert (
        near.in_set([ask("Hello, is the 7th of May a holiday in shop number 7?")], second, **LIMITS)[0]
        is not None
    )
    # the older version, as another branch would, finds its own in the same file
    again = Counting(name=counting.name)
    assert sum(NearIndex.of(home, embedder=again).modes(golden).values()) == 125
    assert again.texts < 3 + 32


def test_a_few_new_examples_write_no_large_file(golden):
    home = golden.folder.parent
    NearIndex.of(home).modes(golden)
    before = (home / FILE).stat().st_mtime_ns
    second = write_version(home, rows([*QUESTIONS, "Is it open?"]), about={}, parent=golden)
    assert sum(NearIndex.of(home).modes(second).values()) == 126
    assert (home / FILE).stat().st_mtime_ns == before


def test_a_small_set_keeps_no_file(tmp_path):
    small = write_version(tmp_path / "small", rows(QUESTIONS[:5]), about={}, parent=None)
    assert NearIndex.of(tmp_path / "small").in_set([ask(QUESTIONS[0])], small, **LIMITS)[0].kind == "exact"
    assert not (tmp_path / "small" / FILE).exists()


def test_another_embedder_makes_its_own(golden):
    home = golden.folder.parent
    NearIndex.of(home).modes(golden)
    other = Counting(name="other", width=64)
    assert NearIndex.of(home, embedder=other).in_set([ask(QUESTIONS[7])], golden, **LIMITS)[0].kind == "exact"
    assert other.texts > len(QUESTIONS)


def test_a_model_of_another_width_under_the_same_name_is_noticed(golden):
    home = golden.folder.parent
    NearIndex.of(home, embedder=Counting()).modes(golden)
    narrow = Counting(width=64)
    assert (
        NearIndex.of(home, embedder=narrow).in_set([ask(QUESTIONS[7])], golden, **LIMITS)[0].kind == "exact"
    )


def _arrays(path) -> dict[str, np.ndarray]:
    with np.load(path) as held:
        return dict(held)


def _about(arrays, **changes) -> dict[str, np.ndarray]:
    said = json.loads(arrays["about"].tobytes()) | changes
    return arrays | {"about": np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)}


TAMPERED = {
    "no array": lambda a: {k: v for k, v in a.items() if k != "asked"},
    "fewer rows": lambda a: a | {"asked": a["asked"][:-1]},
    "another type": lambda a: a | {"asked": a["asked"].astype(np.float64)},
    "another shape": lambda a: a | {"vectors": a["vectors"].ravel()},
    "narrow vectors": lambda a: a | {"vectors": a["vectors"][:, :7]},
    "infinite vectors": lambda a: a | {"vectors": np.full_like(a["vectors"], np.inf)},
    "a code of no mode": lambda a: a | {"modes": a["modes"] + 1_000},
    "a code below zero": lambda a: a | {"modes": a["modes"] - 1_000},
    "names that are no texts": lambda a: _about(a, names=[[1], [2]]),
    "no names": lambda a: _about(a, names=None),
    "another format": lambda a: _about(a, format="failscope near 0"),
    "about that is no JSON": lambda a: a | {"about": np.frombuffer(b"{", dtype=np.uint8)},
    "keys of another set": lambda a: a | {"keys": np.array([b"x" * 64] * len(a["keys"]))},
    "keys that are no ASCII": lambda a: a | {"keys": np.array([b"\xff" * 64] * len(a["keys"]))},
    "objects": lambda a: a | {"keys": np.array([{"a": 1}] * len(a["keys"]), dtype=object)},
    "nothing": lambda a: {},
    "columns first": lambda a: {k: np.asfortranarray(v) for k, v in a.items()},
    "other modes": lambda a: a | {"modes": np.zeros_like(a["modes"])},
    "other hashes": lambda a: a | {"exact": a["exact"] + np.uint64(1)},
    "no rows": lambda a: {k: v if k == "about" else v[:0] for k, v in a.items()},
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED)
def test_a_file_that_was_tampered_with_changes_no_answer(golden, how):
    expected = found(golden)
    path = golden.folder.parent / FILE
    arrays = TAMPERED[how](_arrays(path))
    np.savez(path, **arrays)
    assert found(golden) == expected
    assert sum(NearIndex.of(golden.folder.parent).modes(golden).values()) == len(golden)


def _bomb() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("keys.npy", b"\0" * 10_000_000)
    return body.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", os.urandom(4_096), _bomb()], ids=["empty", "half a zip", "half an array", "noise", "bomb"])  # fmt: skip
def test_a_damaged_file_is_made_again(golden, content):
    expected = found(golden)
    path = golden.folder.parent / FILE
    path.write_bytes(content)
    assert found(golden) == expected
    assert len(_arrays(path)["keys"]) == len(golden)


def test_any_changed_byte_changes_no_answer(golden):
    expected = found(golden)
    path = golden.folder.parent / FILE
    sound = path.read_bytes()
    for at in np.random.default_rng(0).integers(len(sound), size=25):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        assert found(golden) == expected


def test_a_folder_in_the_place_of_the_file_stops_nothing(golden):
    path = golden.folder.parent / FILE
    path.mkdir()
    (path / "x").write_text("")
    assert found(golden).kind == "near"
    assert [p.name for p in golden.folder.parent.glob("*.half")] == []


def test_vectors_of_what_was_forgotten_do_not_stay(golden):
    from failscope.golden.writing import forget_examples

    home = golden.folder.parent
    NearIndex.of(home).modes(golden)
    forget_examples(home, ["t7"])
    after = GoldenSet.open(home)
    assert len(after) == len(golden) - 1
    key = golden.manifest["examples"][example_id("t7")].encode()
    assert sum(NearIndex.of(home).modes(after).values()) == len(after)
    assert not (home / FILE).exists() or key not in _arrays(home / FILE)["keys"].tolist()


def test_forgetting_deletes_the_file(golden):
    near = NearIndex.of(golden.folder.parent)
    near.modes(golden)
    near.forget()
    assert not (golden.folder.parent / FILE).exists()
    near.forget()
    assert sum(near.modes(golden).values()) == len(golden)


def _work(home: str, times: int) -> int:
    good = 0
    for _ in range(times):
        golden = GoldenSet.open(home)
        near = NearIndex.of(home)
        good += near.in_set([ask("Hello! " + QUESTIONS[7])], golden, **LIMITS)[0] is not None
        near.forget()
    return good


def test_processes_at_once_do_not_disturb_each_other(golden):
    home = str(golden.folder.parent)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(_work, [(home, 5)] * 2) == [5, 5]
    assert list(golden.folder.parent.glob("*.half")) == []


# what was found wrong --------------------------------------------------------------------------------------------


def test_an_index_that_is_held_over_a_deletion_answers_for_the_set_as_it_is(golden):
    from failscope.golden.writing import forget_examples

    home = golden.folder.parent
    near = NearIndex.of(home)
    near.modes(golden)
    forget_examples(home, ["t7", "t60"])
    after = GoldenSet.open(home)
    assert after.sha256 == golden.sha256
    assert sum(near.modes(after).values()) == len(after) == len(golden) - 2
    nears = near.in_set([ask(row["input"]) for row in after.rows], after, **LIMITS)
    assert [found.example_id for found in nears] == list(after.rows.ids)


def test_an_exact_copy_is_found_behind_forty_that_differ_in_one_number_of_a_long_context(tmp_path):
    rng = np.random.default_rng(0)
    facts = "".join(rng.choice(list("abcdefghijklmnop "), size=6_000))
    many = rows(["Where is my order?"] * 80)
    for n, row in enumerate(sorted(many, key=lambda row: row["id"])):
        row["context"] = f"{facts} {n} lamps"
    golden = write_version(tmp_path / "many", many, about={}, parent=None)
    last = golden.rows[79]
    near = NearIndex.of(None).in_set([ask("where is my ORDER?", last["context"])], golden, **LIMITS)[0]
    assert near is not None
    assert (near.kind, near.example_id) == ("exact", last["id"])


def test_words_of_twenty_thousand_signs_are_told_apart_without_comparing_their_letters(monkeypatch):
    from failscope.golden.near import sameness

    compared = []
    monkeypatch.setattr(sameness, "_edits", lambda a, b, *most: compared.append(a) or 0)
    assert told_apart("ab" * 10_000, "ba" * 10_000 + "b") == "words"
    assert compared == []
    assert told_apart("pqrstuvw", "pqrstuwv") == ""
    assert compared


def test_typing_errors_are_counted_as_the_plain_distance_counts_them():
    from failscope.golden.near.sameness import _edits

    def plain(a: str, b: str) -> int:
        d = {(i, j): max(i, j) for i in range(len(a) + 1) for j in range(len(b) + 1) if not i * j}
        for i, x in enumerate(a, 1):
            for j, y in enumerate(b, 1):
                d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (x != y))
                if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                    d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
        return d[len(a), len(b)]

    rng = np.random.default_rng(0)
    for _ in range(500):
        a, b = ("".join(rng.choice(list("abc"), size=int(rng.integers(1, 9)))) for _ in range(2))
        assert min(_edits(a, b, 2), 3) == min(plain(a, b), 3)


def test_nothing_of_a_text_is_held_after_it_was_forgotten(golden):
    from failscope.golden.gate import gate
    from failscope.golden.near import sameness

    near = NearIndex.of(None)
    near.in_set([ask("Hello! " + QUESTIONS[7]), ask(QUESTIONS[8].replace("lamp", "lmap"))], golden, **LIMITS)
    gate._found("Who is it?")
    assert sameness.runs.cache_info().currsize
    assert sameness.runs.cache_info().maxsize <= 64
    gate.forget_texts()
    assert (near._held, near._seen) == (None, {})
    assert not sameness.runs.cache_info().currsize + sameness._few_edits.cache_info().currsize
    assert not gate._FOUND


@pytest.mark.parametrize("name", ["asked", "vectors", "given"])
def test_rows_that_are_not_what_their_examples_make_are_made_again(golden, name):
    expected = found(golden)
    path = golden.folder.parent / FILE
    arrays = _arrays(path)
    np.savez(path, **arrays | {name: np.zeros_like(arrays[name])})
    assert found(golden) == expected
    assert np.array_equal(_arrays(path)[name], arrays[name])
