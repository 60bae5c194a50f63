"""Suggested failure modes, more like these, and the order of what is left to read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import failscope as fs
from failscope.review import suggest
from failscope.review.suggest import FEWEST, SHOWN, learn, more_like, space_of


class OneGroup:
    """A clusterer for tests that need no clusters."""

    def fit_predict(self, X: np.ndarray) -> np.ndarray:
        return np.zeros(len(X), dtype=int)


def kind(traces: fs.Traces, trace_id: str) -> str:
    output = traces.frame.at[trace_id, "output"]
    return {"": "empty", "I'": "refusal", "Yo": "answer"}.get(output[:2], "german")


def read_some(session: fs.Session, n: int = 40, *, every: int = 1) -> dict[str, list[str]]:
    """Read the first n traces: refusals are refusals, the rest is fine."""
    read = {}
    for trace_id in session.traces.trace_ids[: n * every : every]:
        read[trace_id] = ["refuses"] if kind(session.traces, trace_id) == "refusal" else []
        session.annotate(trace_id, reviewer="ana", failure_modes=read[trace_id])
    return read


# suggestions -------------------------------------------------------------------------------------------------------


def test_unread_traces_like_the_tagged_ones_are_suggested_and_no_others(session, traces):
    read = read_some(session)
    said = session.suggestions("refuses")
    unread = {i for i in traces.trace_ids if i not in read and kind(traces, i) == "refusal"}
    assert set(said.index) == unread
    assert said["confidence"].between(SHOWN, 1).all()
    assert said["confidence"].is_monotonic_decreasing
    assert said["reason"].str.contains("tagged so").all()
    assert said["reason"].str.contains(": .*refuses").mean() > 0.5


def test_suggesting_writes_nothing_and_tags_nothing(session, traces):
    read_some(session)
    before = session.revision, session.marks()
    said = session.suggestions()
    assert len(said)
    assert session.revision == before[0]
    pd.testing.assert_frame_equal(session.marks(), before[1])


def test_a_failure_mode_with_two_examples_is_not_suggested(session, traces):
    refusals = [i for i in traces.trace_ids if kind(traces, i) == "refusal"]
    for trace_id in refusals[: FEWEST - 1]:
        session.annotate(trace_id, reviewer="ana", failure_modes=["refuses"])
    for trace_id in [i for i in traces.trace_ids if i not in refusals][:20]:
        session.annotate(trace_id, reviewer="ana", failure_modes=[])
    assert len(session.suggestions(at_least=0)) == 0
    session.annotate(refusals[FEWEST], reviewer="ben", failure_modes=["refuses"])
    assert len(session.suggestions(at_least=0))


def test_three_examples_make_nothing_certain(found, traces):
    refusals = [i for i in traces.trace_ids if kind(traces, i) == "refusal"]
    others = [i for i in traces.trace_ids if i not in refusals]
    read = {i: ["refuses"] for i in refusals[:3]} | {i: [] for i in others[:30]}
    said = learn(space_of(found), read).suggest(at_least=0)
    rate = 3.5 / 34
    assert said["confidence"].max() <= (3 + rate) / 4 + 1e-9


def test_the_same_question_answered_twice_does_not_vouch_for_itself():
    rng = np.random.default_rng(0)
    words = np.array(
        ["amber", "brook", "cedar", "delta", "ember", "frost", "grove", "haven", "islet", "jetty"]
    )
    rows = [
        {
            "trace_id": f"t{q:02d}{k}",
            "input": f"{' '.join(rng.choice(words, 3))} {q}",
            "output": " ".join(rng.choice(words, 6)),
        }
        for q in range(30)
        for k in range(4)
    ]
    for row in rows:  # all four of one question share its text
        row["input"] = next(r for r in rows if r["trace_id"][:3] == row["trace_id"][:3])["input"]
    traces = fs.Traces.from_frame(pd.DataFrame(rows))
    found = fs.cluster(traces, clusterer=OneGroup(), projector=None, progress=False)
    # whether a question fails is by chance: nothing can be told of a question that was not read
    failing = {f"t{q:02d}" for q in rng.permutation(30)[:10]}
    read = {
        r["trace_id"]: ["wrong"] if r["trace_id"][:3] in failing else []
        for r in rows
        if int(r["trace_id"][1:3]) < 20
    }
    said = learn(space_of(found), read).suggest(at_least=SHOWN)
    assert len(said) <= 2


def test_what_is_suggested_depends_on_no_order(traces, found):
    read = {i: ["refuses"] if kind(traces, i) == "refusal" else [] for i in traces.trace_ids[:40]}
    turn = np.random.default_rng(1).permutation(len(found))
    turned = fs.Clustering.restore(traces, found.to_frame().iloc[turn], found.meta())
    backwards = dict(reversed(read.items()))
    one, two = (learn(space_of(f), r).suggest(at_least=0.1) for f, r in ((found, read), (turned, backwards)))
    pd.testing.assert_frame_equal(one, two, rtol=1e-3)


def test_the_random_sample_says_how_common_a_failure_mode_is(traces, found):
    read = {i: ["refuses"] if kind(traces, i) == "refusal" else [] for i in traces.trace_ids[:40]}
    space = space_of(found)
    fine = [i for i, modes in read.items() if not modes]
    rows = np.arange(len(space.trace_ids))
    plain = learn(space, read).confidence(rows)
    rare = learn(space, read, drawn=fine).confidence(rows)
    assert (rare <= plain + 1e-12).all()
    assert rare.sum() < plain.sum()


def test_an_unknown_failure_mode_is_not_found(session):
    with pytest.raises(fs.NotFoundError, match="no failure mode was given yet"):
        session.suggestions("rude")
    read_some(session, 8)
    with pytest.raises(fs.NotFoundError, match="in use are 'refuses'"):
        session.suggestions("rude")


def test_nothing_read_suggests_nothing(session):
    said = session.suggestions()
    assert list(said.columns) == ["failure_mode", "confidence", "reason"]
    assert len(said) == 0


def test_an_accepted_suggestion_is_recorded_with_its_confidence(session, traces):
    ids = traces.trace_ids
    session.annotate(
        ids[0], reviewer="ana", failure_modes=["refuses"], suggested={"refuses": 0.72, "rude": 0.6}
    )
    session.annotate(ids[1], reviewer="ana", failure_modes=["refuses"])
    first, second = (e.payload for e in session.log.read(session=session.name) if e.kind == "annotation")
    assert first["suggested"] == {"refuses": 0.72}
    assert "suggested" not in second
    assert session.mark(ids[0])["failure_modes"] == ["refuses"]


def labelled(path: Path, n: int) -> tuple[fs.Traces, dict[str, list[str]]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        frame = pd.DataFrame([json.loads(line) for line in lines]).drop_duplicates("id").sort_values("id")
    frame = frame.sample(n, random_state=0)
    modes = {i: [] if m == "ok" else [m] for i, m in zip(frame["id"], frame["failure_mode"], strict=True)}
    return fs.Traces.from_frame(
        frame.rename(columns={"id": "trace_id"})[["trace_id", "input", "output"]]
    ), modes


@pytest.mark.parametrize("name", ["xstest", "bfcl"])
def test_confidence_is_calibrated_on_real_labels(shared_data, name):
    traces, modes = labelled(shared_data / f"{name}.jsonl.gz", 1500)
    found = fs.cluster(traces, clusterer=OneGroup(), projector=None, progress=False)
    space = space_of(found)
    said, true, brier, chance = [], [], [], []
    for seed in range(4):
        read = np.random.default_rng(seed).permutation(np.sort(traces.trace_ids.astype(str)))[:200]
        learned = learn(space, {i: modes[i] for i in read}, drawn=set(read))
        rows = np.setdiff1d(np.arange(len(space.trace_ids)), learned.read)
        has = np.array([[m in modes[i] for m in learned.modes] for i in space.trace_ids[rows]])
        sure = learned.confidence(rows)
        said.append(sure.ravel())
        true.append(has.ravel())
        brier.append(((sure - has) ** 2).sum())
        chance.append(((has.mean(axis=0) - has) ** 2).sum())
    p, hit = np.concatenate(said), np.concatenate(true)
    bins = np.minimum((p * 10).astype(int), 9)
    error = sum(
        abs(p[bins == b].mean() - hit[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)
    )
    assert error < 0.03
    assert sum(brier) < sum(chance)  # better than knowing how common each is, which nobody does


# more like these ---------------------------------------------------------------------------------------------------


def test_more_like_a_trace_gives_unread_traces_of_its_kind(session, traces):
    read_some(session, 8)
    like = next(i for i in traces.trace_ids[8:] if kind(traces, i) == "german")
    more = session.more_like([like], n=5)
    assert [kind(traces, i) for i in more.index] == ["german"] * 5
    assert more["similarity"].is_monotonic_decreasing
    assert more["similarity"].between(0, 1).all()
    assert more["reason"].str.startswith(f"like {like}: ").all()
    assert like not in more.index


def test_more_like_a_failure_mode_needs_one_example(session, traces):
    refusal = next(i for i in traces.trace_ids if kind(traces, i) == "refusal")
    session.tag_traces([refusal], "refuses", reviewer="ben")
    more = session.more_like("refuses", n=4)
    assert {kind(traces, i) for i in more.index} == {"refusal"}
    assert more.equals(session.more_like(refusal, n=4))


def test_of_equal_outputs_one_is_enough(session, traces):
    empty = [i for i in traces.trace_ids if kind(traces, i) == "empty"]
    more = session.more_like(empty[0], n=len(traces))
    assert not set(more.index) & set(empty)
    other = session.more_like(next(i for i in traces.trace_ids if kind(traces, i) == "german"), n=len(traces))
    assert len(set(other.index) & set(empty)) == 1


def test_what_is_read_is_not_more(session, traces):
    read = read_some(session, 30)
    assert not set(session.more_like(traces.trace_ids[50], n=80).index) & set(read)


@pytest.mark.parametrize(
    ("like", "error", "words"),
    [
        ("rude", fs.NotFoundError, "no failure mode was given yet"),
        ([], fs.ArgumentError, "give some trace ids or a failure mode"),
        (["nope"], fs.NotFoundError, "no trace 'nope'"),
    ],
)
def test_what_cannot_be_looked_for_is_told(session, like, error, words):
    with pytest.raises(error, match=words):
        session.more_like(like)


def test_of_too_many_traces_the_planned_and_the_asked_for_are_looked_at(session, traces, monkeypatch):
    monkeypatch.setattr(suggest, "MOST", 30)
    planned = set(session.plan.frame["trace_id"])
    space = session._space()
    assert len(space.trace_ids) == 30
    assert planned <= set(space.trace_ids)
    outside = next(i for i in traces.trace_ids if i not in set(space.trace_ids))
    assert len(session.more_like(outside, n=3)) == 3


def test_the_nearest_come_first_and_the_given_never(found, traces):
    space = space_of(found)
    given = traces.trace_ids[[1, 5, 9]]
    more = more_like(space, given, n=10)
    like = space.likeness(space.rows(more.index), space.rows(given)).mean(axis=1)
    assert np.allclose(np.sort(like), np.sort(more["similarity"]), atol=1e-5)
    assert not set(more.index) & set(given)


# the order of what is left -----------------------------------------------------------------------------------------


def test_before_anything_is_read_the_queue_is_the_plan(session):
    pd.testing.assert_frame_equal(session.queue(), session.plan.frame, check_dtype=False)


def test_the_queue_holds_what_is_unread_once(session):
    ids = session.plan.frame["trace_id"].tolist()
    for trace_id in ids[:7]:
        session.annotate(trace_id, reviewer="ana", failure_modes=["late"] if trace_id == ids[2] else [])
    queue = session.queue()
    assert queue["trace_id"].is_unique
    assert not set(queue["trace_id"]) & set(ids[:7])
    assert queue["position"].tolist() == list(range(1, len(ids) - 6))
    drawn = session.plan.frame.query("probability.notna()")["trace_id"]
    assert set(drawn) - set(ids[:7]) <= set(queue["trace_id"])
    assert queue["reason"].str.len().gt(0).all()


def test_the_order_changes_only_after_a_whole_batch(session):
    ids = session.plan.frame["trace_id"].tolist()
    for trace_id in ids[:4]:
        session.annotate(trace_id, reviewer="ana", failure_modes=[])
    assert session.queue(batch=5)["trace_id"].tolist() == ids[4:]
    session.annotate(ids[4], reviewer="ana", failure_modes=["late"])
    whole = session.queue(batch=5)["trace_id"].tolist()
    session.annotate(whole[0], reviewer="ana", failure_modes=[])
    assert session.queue(batch=5)["trace_id"].tolist() == whole[1:]
