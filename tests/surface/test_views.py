"""Views: one scale for all behaviours, equal weight for all blocks, rows that follow their traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failscope.errors import ArgumentError
from failscope.surface.behaviour import PROBES, Probe
from failscope.surface.views import CLIP, FLAG_STEP, standardise, view
from failscope.traces.table import Traces

WORDS = ["refund", "parcel", "late", "sorry", "invoice", "can't help with that", "```", "", "日本"]


def some_traces(n: int = 40, seed: int = 0) -> Traces:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "input": [" ".join(rng.choice(WORDS, 4)) for _ in range(n)],
            "output": [
                "" if i % 7 == 0 else " ".join(rng.choice(WORDS, rng.integers(1, 30))) for i in range(n)
            ],
            "context": "",
            "system_prompt": "",
        },
        index=pd.Index([f"t{i}" for i in range(n)], name="trace_id"),
    )
    return Traces(frame=frame)


@pytest.mark.parametrize(
    "name", ["behaviour", "response", "topic", "topic+behaviour", "response+topic+behaviour"]
)
def test_a_view_is_finite_and_follows_its_traces(name: str) -> None:
    traces = some_traces()
    seen = view(traces, name, progress=False)
    assert seen.name == name
    assert seen.matrix.dtype == np.float32
    assert seen.matrix.shape[0] == len(traces)
    assert np.isfinite(seen.matrix).all()
    assert seen.trace_ids.tolist() == traces.frame.index.tolist()
    assert (seen.features is None) == ("behaviour" not in name)
    assert seen.features is None or len(seen.features) == seen.matrix.shape[1]
    assert seen.behaviours.index.equals(traces.frame.index)
    assert seen.to_frame().shape == seen.matrix.shape

    order = np.random.default_rng(1).permutation(len(traces))
    shuffled = view(traces.take(traces.trace_ids[order]), name, progress=False)
    assert np.allclose(shuffled.matrix, seen.matrix[order], atol=1e-5)


def test_every_block_of_a_joint_view_has_the_same_weight() -> None:
    joint = view(some_traces(), "response + topic + behaviour", progress=False)
    assert joint.features is not None
    block = np.array(
        [f.split(" ")[0] if f.startswith(("response ", "topic ")) else "behaviour" for f in joint.features]
    )
    weights = {
        b: np.square(joint.matrix[:, block == b]).sum() / len(joint)
        for b in ("response", "topic", "behaviour")
    }
    assert weights == pytest.approx(dict.fromkeys(weights, 1), rel=1e-3)


def test_a_block_without_variance_weighs_nothing() -> None:
    frame = some_traces().frame.assign(input="the same")
    joint = view(Traces(frame=frame), "topic+behaviour", progress=False)
    assert (joint.matrix[:, :256] == 0).all()
    assert joint.matrix.any()


@pytest.mark.parametrize("name", ["output", "", "topic+", "topic+topic", "behaviour+nothing"])
def test_an_unknown_view_names_those_that_there_are(name: str) -> None:
    with pytest.raises(ArgumentError, match="'behaviour', 'response', 'topic'"):
        view(some_traces(3), name)


def test_vectors_are_looked_up_and_kept_in_the_traces_cache() -> None:
    class Cache:
        def __init__(self) -> None:
            self.kept: dict[str, np.ndarray] = {}
            self.names: set[str] = set()

        def get(self, embedder: str, hashes: Sequence[str]) -> dict[str, np.ndarray]:
            self.names.add(embedder)
            return {h: self.kept[h] for h in hashes if h in self.kept}

        def put(self, embedder: str, vectors: Mapping[str, np.ndarray]) -> None:
            assert not set(vectors) & set(self.kept)
            self.kept |= vectors

    class Fixed:
        name = "fixed"
        calls = 0

        def embed(self, texts: Sequence[str]) -> np.ndarray:
            self.calls += 1
            return np.array([[1.0, len(t)] for t in texts])

    cache, model = Cache(), Fixed()
    traces = Traces(frame=some_traces().frame, vectors=cache)
    view(traces, "response", embedder=model, progress=False)
    calls = model.calls
    view(traces, "response+behaviour", embedder=model, progress=False)
    assert model.calls == calls
    assert cache.names == {"fixed"}


def test_the_behaviour_view_needs_no_embedder() -> None:
    assert view(some_traces(), embedder="nobody/no-such-model").matrix.shape == (40, len(PROBES))


def test_no_probe_outweighs_the_rest() -> None:
    rng = np.random.default_rng(0)
    measured = pd.DataFrame(
        {
            "amount": np.append(rng.normal(5, 2, 999), 1e6),
            "mostly zero": np.append(np.zeros(999), 40),
            "rare flag": np.append(np.zeros(999), 1),
            "constant": np.full(1000, 7.0),
            "always": np.ones(1000),
        }
    )
    kinds = ["amount", "amount", "flag", "amount", "flag"]
    probes = [Probe(c, len, says=c, kind=k) for c, k in zip(measured, kinds, strict=True)]  # type: ignore[arg-type]
    table = standardise(measured, probes)
    assert table[-1].tolist() == [CLIP, CLIP, FLAG_STEP, 0, 0]
    assert table[:, 0].std() == pytest.approx(1, abs=0.1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), max_size=30))
def test_standardised_amounts_are_finite_and_within_the_clip(values: list[float]) -> None:
    measured = pd.DataFrame({"x": np.array(values, dtype=np.float32)})
    table = standardise(measured, [Probe("x", len, says="x")])
    assert np.isfinite(table).all()
    assert (np.abs(table) <= CLIP).all()


def test_one_trace_and_no_trace_have_views() -> None:
    for n in (0, 1):
        for name in ("behaviour", "response", "topic+behaviour"):
            assert view(some_traces(n), name, progress=False).matrix.shape[0] == n
