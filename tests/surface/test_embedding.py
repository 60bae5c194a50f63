"""Embedding: one call a distinct text, defined outcomes for texts without words, models checked and found offline."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failscope.errors import ArgumentError, MissingPackageError, ModelError
from failscope.surface.embedding import (
    MAX_CHARS,
    MODEL_FOLDER,
    MODEL_SHA256,
    SentenceTransformerEmbedder,
    StaticEmbedder,
    embed_texts,
    resolve_embedder,
)
from failscope.traces.table import text_hash


class CountingEmbedder:
    """Vectors from a text's length and first characters; remembers what it was asked."""

    def __init__(self, name: str = "counting", width: int = 3) -> None:
        self.name = name
        self.width = width
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return np.array(
            [[len(t), *(ord(c) for c in t[: self.width - 1].ljust(self.width - 1))] for t in texts], float
        )


class DictCache:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], np.ndarray] = {}

    def get(self, embedder: str, hashes: Sequence[str]) -> dict[str, np.ndarray]:
        return {h: self.kept[embedder, h] for h in hashes if (embedder, h) in self.kept}

    def put(self, embedder: str, vectors: Mapping[str, np.ndarray]) -> None:
        self.kept |= {(embedder, h): v for h, v in vectors.items()}


def test_each_distinct_text_is_embedded_once() -> None:
    model = CountingEmbedder()
    vectors = embed_texts(["a b", "c", "a b", "", "c", "a b"], embedder=model)
    assert sorted(model.asked) == ["a b", "c"]
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])


def test_a_cached_text_is_not_embedded_again() -> None:
    model, cache = CountingEmbedder(), DictCache()
    first = embed_texts(["one", "two"], embedder=model, cache=cache)
    second = embed_texts(["two", "three", "one"], embedder=model, cache=cache)
    assert model.asked == ["one", "two", "three"]
    assert np.array_equal(second[[2, 0]], first)
    assert ("counting", text_hash("three")) in cache.kept


def test_two_embedders_never_share_vectors() -> None:
    cache = DictCache()
    embed_texts(["one"], embedder=CountingEmbedder("a"), cache=cache)
    other = CountingEmbedder("b")
    embed_texts(["one"], embedder=other, cache=cache)
    assert other.asked == ["one"]


def test_an_interrupted_run_keeps_what_it_has_embedded() -> None:
    class Breaking(CountingEmbedder):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            if len(self.asked) >= 512:
                raise KeyboardInterrupt
            return super().embed(texts)

    cache = DictCache()
    with pytest.raises(KeyboardInterrupt):
        embed_texts([f"text {i}" for i in range(2_000)], embedder=Breaking(), cache=cache)
    assert len(cache.kept) == 512


def test_rows_are_unit_vectors_and_texts_without_words_are_zero() -> None:
    texts = ["a refund, please", "", " \n\t", "\ud800", "🦄", "\u202eabc", "é" * 5]
    vectors = embed_texts(texts)
    norms = np.linalg.norm(vectors, axis=1)
    assert vectors.dtype == np.float32
    assert vectors.shape == (7, 256)
    assert np.isfinite(vectors).all()
    assert norms[0] == pytest.approx(1, abs=1e-5)
    assert (norms[1:3] == 0).all()
    assert set(np.round(norms, 4)) <= {0.0, 1.0}


def test_no_texts_and_only_empty_texts_have_the_models_width() -> None:
    assert embed_texts([]).shape == (0, 256)
    assert embed_texts(["", "  "]).shape == (2, 256)
    assert embed_texts(["", "a"], embedder=CountingEmbedder(width=5)).shape == (2, 5)
    assert embed_texts([""], embedder=CountingEmbedder(width=5)).shape == (1, 5)


def test_a_long_text_is_embedded_by_its_head_and_tail() -> None:
    model = CountingEmbedder()
    text = "h" * 100_000 + "t" * 100_000
    embed_texts([text], embedder=model)
    (seen,) = model.asked
    assert seen.startswith("h" * 6_000)
    assert seen.endswith("t" * 2_000)
    assert len(seen) == MAX_CHARS + 1
    middle = embed_texts(["x " * 3_000 + "refund " * 20_000 + "y " * 1_000])
    assert np.allclose(middle, embed_texts(["x " * 3_000 + "weather " * 20_000 + "y " * 1_000]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_texts_changes_nothing(texts: list[str], random: object) -> None:
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight = embed_texts(texts)
    assert np.isfinite(straight).all()
    assert np.array_equal(embed_texts([texts[i] for i in order]), straight[order])


def test_like_texts_are_nearer_than_unlike_ones() -> None:
    late, where, cake = embed_texts(
        ["my parcel is late", "the package has not arrived", "bake a chocolate cake"]
    )
    assert late @ where > late @ cake + 0.1


def test_the_bundled_files_are_the_ones_that_were_released() -> None:
    for name, expected in MODEL_SHA256.items():
        assert hashlib.sha256((MODEL_FOLDER / name).read_bytes()).hexdigest() == expected
    assert sum(p.stat().st_size for p in MODEL_FOLDER.iterdir()) <= 10_000_000
    assert "Apache License" in (MODEL_FOLDER / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(MODEL_SHA256))
def test_a_tampered_or_missing_model_file_is_a_model_error(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL_FOLDER, folder)
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="was changed: sha256"):
        StaticEmbedder(folder).embed(["a"])
    path.unlink()
    with pytest.raises(ModelError, match="reinstall failscope"):
        StaticEmbedder(folder).embed(["a"])


def test_the_bundled_model_never_asks_the_network() -> None:
    program = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError("the network was asked")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
from failscope.surface.embedding import embed_texts
assert embed_texts(["hello"]).any()
import sys
assert "torch" not in sys.modules and "sentence_transformers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=Path(__file__).parents[2])


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize(
    "model",
    ["nobody/no-such-model", "no-such-model-anywhere", "./no/folder", "/no/folder", "~/no-folder", ""],
)
def test_a_model_that_cannot_be_found_names_the_offline_default_at_once(model: str) -> None:
    start = time.monotonic()
    with pytest.raises(ModelError, match="embedder=None"):
        resolve_embedder(model)
    assert time.monotonic() - start < 15


def test_a_hub_that_never_answers_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def silence(*args: object, **kwargs: object) -> None:
        time.sleep(5)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", silence)
    monkeypatch.setattr("failscope.surface.embedding._HUB_SECONDS", 0.2)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    start = time.monotonic()
    with pytest.raises(ModelError, match="no answer"):
        resolve_embedder("nobody/no-such-model")
    assert time.monotonic() - start < 4


def model_folder(path: Path, *, weights: bytes = b"weights") -> Path:
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(weights)
    (path / "config.json").write_text("{}")
    return path


def test_two_models_at_one_path_have_two_names(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine")
    before = SentenceTransformerEmbedder(folder).name
    assert before.startswith("mine:")
    assert SentenceTransformerEmbedder(str(folder), backend="onnx", batch_size=4).name == before
    (folder / "README.md").write_text("a note")
    assert SentenceTransformerEmbedder(folder).name == before
    (folder / "model.safetensors").write_bytes(b"other weights")
    changed = SentenceTransformerEmbedder(folder).name
    assert changed != before
    (folder / "config.json").write_text('{"pooling": "cls"}')
    assert SentenceTransformerEmbedder(folder).name not in (before, changed)


def test_a_folder_without_weights_or_with_broken_ones_is_a_model_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="no weights"):
        SentenceTransformerEmbedder(tmp_path / "empty")

    def broken(*args: object, **kwargs: object) -> None:
        raise ValueError("header too large")

    # in place of the real package, whose import alone takes longer than all of this file
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=broken))
    with pytest.raises(ModelError, match=r"header too large.*embedder=None"):
        SentenceTransformerEmbedder(model_folder(tmp_path / "broken")).embed(["a"])


def test_a_backend_that_is_not_installed_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*args: object, **kwargs: object) -> None:
        raise ImportError("no onnxruntime")

    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=missing))
    with pytest.raises(MissingPackageError, match=r"pip install 'sentence-transformers\[onnx\]'"):
        SentenceTransformerEmbedder(model_folder(tmp_path / "m"), backend="onnx").embed(["a"])


def test_an_unknown_backend_or_batch_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="backend='tpu'"):
        SentenceTransformerEmbedder(tmp_path, backend="tpu")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="batch_size=0"):
        SentenceTransformerEmbedder(tmp_path, batch_size=0)
    with pytest.raises(ArgumentError, match="not an embedder"):
        resolve_embedder(3)  # type: ignore[arg-type]


def test_an_embedder_of_wrong_shape_is_refused_and_nan_becomes_zero() -> None:
    class Flat(CountingEmbedder):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            return np.zeros(len(texts))

    class Broken(CountingEmbedder):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            return np.array([[np.nan, 1.0] if t == "bad" else [3.0, 4.0] for t in texts])

    with pytest.raises(ModelError, match="must give"):
        embed_texts(["a"], embedder=Flat())
    with pytest.warns(UserWarning, match="NaN or infinity for 1 texts"):
        vectors = embed_texts(["bad", "good"], embedder=Broken())
    assert vectors.tolist() == [[0.0, 0.0], pytest.approx([0.6, 0.8])]


def test_a_cache_filled_by_another_model_of_the_same_name_is_found_out() -> None:
    cache = DictCache()
    embed_texts(["one"], embedder=CountingEmbedder(width=3), cache=cache)
    with pytest.raises(ModelError, match="different lengths"):
        embed_texts(["one", "two"], embedder=CountingEmbedder(width=4), cache=cache)


def test_a_megabyte_is_embedded_in_a_moment() -> None:
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert embed_texts(["word " * 200_000, "x" * 1_000_000]).shape == (2, 256)
    assert time.monotonic() - start < 5
