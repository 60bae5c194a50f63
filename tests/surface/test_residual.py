"""The residual view: what is predicted is removed, nothing leaks, and the order of the rows changes nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import failscope.surface.residual as room
from failscope.surface.residual import residual
from failscope.surface.views import view
from failscope.traces.table import Traces


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def answered(n: int = 600, *, asked: int = 600, d: int = 12, noise: float = 0.2) -> dict[str, np.ndarray]:
    """Outputs that are a turned input plus noise; ``asked`` distinct inputs."""
    rng = np.random.default_rng(0)
    questions = unit(rng.normal(size=(asked, d)))
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    which = rng.integers(0, asked, n)
    outputs = unit(questions[which] @ turn + noise * rng.normal(size=(n, d)) / np.sqrt(d))
    return {
        "outputs": outputs,
        "inputs": questions[which],
        "texts": np.array([f"question {i}" for i in which], dtype=object),
        "trace_ids": np.array([f"t{i}" for i in range(n)], dtype=object),
    }


def of(rows: dict[str, np.ndarray]) -> np.ndarray:
    return residual(
        rows["outputs"], rows["inputs"], texts=list(rows["texts"]), trace_ids=list(rows["trace_ids"])
    )


def length(rows: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rows, axis=1)


def test_what_the_input_predicts_is_removed() -> None:
    rows = answered()
    left = np.square(of(rows)).sum() / np.square(rows["outputs"]).sum()
    assert left < 0.08
    assert of(rows).dtype == np.float32


def test_what_the_input_does_not_predict_stays() -> None:
    rows = answered()
    rows["inputs"] = rows["inputs"][np.random.default_rng(1).permutation(len(rows["inputs"]))]
    rows["texts"] = np.array([f"other {i}" for i in range(len(rows["texts"]))], dtype=object)
    centred = rows["outputs"] - rows["outputs"].mean(axis=0)
    assert np.square(of(rows)).sum() > 0.97 * np.square(centred).sum()


def test_an_answer_to_another_question_stands_out() -> None:
    rows = answered()
    rows["outputs"][7] = -rows["outputs"][7]
    found = length(of(rows))
    assert found.argmax() == 7
    assert found[7] > 1.5


def test_equal_inputs_never_leak_into_the_residual() -> None:
    # sixty prompts in as many dimensions, each asked ten times and always answered alike: a model that saw one of
    # the ten could tell the others, and the residual would vanish
    rng = np.random.default_rng(3)
    prompts, answers = np.eye(60, dtype=np.float32), unit(rng.normal(size=(60, 60)))
    which = np.repeat(np.arange(60), 10)
    spelt = [f"Prompt {i}" if j % 2 else f"  prompt   {i} " for j, i in enumerate(which)]
    found = residual(answers[which], prompts[which], texts=spelt, trace_ids=[f"t{i}" for i in range(600)])
    centred = answers - answers.mean(axis=0)
    assert np.square(found).sum() / 10 > 0.95 * np.square(centred).sum()
    # one and the same prompt in two spellings is one input
    assert np.ptp(found.reshape(60, 10, 60), axis=1).max() < 1e-6


def test_the_order_of_the_rows_changes_no_bit() -> None:
    rows = answered(asked=200)
    order = np.random.default_rng(5).permutation(len(rows["outputs"]))
    assert (of({name: column[order] for name, column in rows.items()}) == of(rows)[order]).all()


def test_equal_traces_have_equal_rows_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = answered(asked=30)
    rows["outputs"][:] = rows["outputs"][np.unique(rows["texts"], return_index=True, return_inverse=True)[2]]
    whole = of(rows)
    monkeypatch.setattr(room, "_BLOCK", 7)
    blocks = of(rows)
    assert np.allclose(whole, blocks, atol=1e-5)
    assert len(np.unique(blocks, axis=0)) == len(np.unique(rows["texts"]))


def test_more_inputs_than_are_fitted_on_are_predicted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = answered()
    whole = of(rows)
    monkeypatch.setattr(room, "FIT_INPUTS", 200)
    part = of(rows)
    assert not (part == whole).all()
    assert np.square(part).sum() < 1.3 * np.square(whole).sum()


def test_texts_without_words_stay_apart() -> None:
    rows = answered()
    rows["outputs"][3] = 0
    rows["inputs"][5], rows["texts"][5] = 0, ""
    found = of(rows)
    assert (found[3] == 0).all()
    # nothing was asked, so nothing but the usual answer was to be expected
    usual = rows["outputs"][length(rows["outputs"]) > 0].mean(axis=0)
    assert length(found[[5]] - (rows["outputs"][5] - usual)) < 0.1


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6])
def test_a_handful_of_traces_is_enough(n: int) -> None:
    rows = {name: column[:n] for name, column in answered().items()}
    found = of(rows)
    assert found.shape == rows["outputs"].shape
    assert np.isfinite(found).all()
    assert (length(found) < 2.1).all()


def test_with_one_input_only_the_residual_is_the_output() -> None:
    rows = answered(40)
    rows["inputs"][:], rows["texts"][:] = rows["inputs"][0], "the same"
    assert (of(rows) == rows["outputs"]).all()


def test_a_constant_output_is_a_row_of_zeros_and_no_noise() -> None:
    rows = answered()
    rows["outputs"][:] = rows["outputs"][0]
    assert (of(rows) == 0).all()


def some_traces(n: int = 60) -> Traces:
    topics = ["parcels", "invoices", "lamps", "passwords"]
    frame = pd.DataFrame(
        {
            "input": [f"A question about {topics[i % 4]} number {i // 2}" for i in range(n)],
            "output": [
                "" if i % 9 == 0 else f"The answer about {topics[i % 4]} is {i % 7}" for i in range(n)
            ],
            "context": "",
            "system_prompt": "",
        },
        index=pd.Index([f"t{i}" for i in range(n)], name="trace_id"),
    )
    return Traces(frame=frame)


@pytest.mark.parametrize("name", ["residual", "residual+behaviour", "topic+residual"])
def test_the_view_keeps_empty_outputs_and_follows_its_traces(name: str) -> None:
    traces = some_traces()
    seen = view(traces, name, progress=False)
    assert seen.name == name
    assert np.isfinite(seen.matrix).all()
    order = np.random.default_rng(2).permutation(len(traces))
    again = view(traces.take(traces.trace_ids[order]), name, progress=False)
    assert np.allclose(again.matrix, seen.matrix[order], atol=1e-5)
    if name == "residual":
        assert (~seen.matrix.any(axis=1) == (traces.frame["output"] == "").to_numpy()).all()
        assert seen.features is None


def test_a_joint_view_embeds_each_column_once() -> None:
    class Counting:
        name = "counting"
        seen = 0

        def embed(self, texts: list[str]) -> np.ndarray:
            self.seen += len(texts)
            return np.array([[1.0, len(t), t.count("a")] for t in texts])

    model, traces = Counting(), some_traces()
    view(traces, "topic+response+residual", embedder=model, progress=False)
    distinct = traces.frame["input"].nunique() + traces.frame["output"].replace("", None).nunique()
    assert model.seen == distinct


def test_the_topic_fades_on_real_answers(shared_data: object) -> None:
    from sklearn.linear_model import RidgeClassifier

    raw = pd.read_json(f"{shared_data}/xstest.jsonl.gz", lines=True).drop_duplicates("id").iloc[:1500]
    raw = raw.rename(columns={"id": "trace_id"})[["trace_id", "input", "output", "topic"]]
    traces = Traces.from_frame(raw)
    topic = traces.frame["topic"].to_numpy()
    half = np.array([hash_of(text) for text in traces.frame["input"]]) % 2 == 0

    def told(name: str) -> float:
        X = view(traces, name, probes=[], progress=False).matrix
        return float(RidgeClassifier().fit(X[half], topic[half]).score(X[~half], topic[~half]))

    assert told("residual") < told("response") - 0.05


def hash_of(text: str) -> int:
    return sum(text.encode())
