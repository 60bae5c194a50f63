"""Texts as unit vectors: hides which model makes them, where its files are, what is cached and what a text without words is."""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from pandas.api.extensions import ExtensionArray

from failscope.errors import ArgumentError, MissingPackageError, ModelError
from failscope.traces.table import VectorCache, encodable, text_hash

MODEL_FOLDER = Path(__file__).parent / "model"
MODEL_SHA256 = {
    "model.safetensors": "d2535a0dc8d06d5517dbf9bcce49b4e601eaa62976d78942a480451f97987769",
    "tokenizer.json": "15ce92c1000584ff19c915ee72e4099f66fb17b2a965f85c8f1900fb69b360e3",
}
"""What scripts/distill_embedder.py wrote; a file that differs is not loaded."""

MAX_CHARS = 8_000
"""Longer texts are embedded by their first 6,000 and last 2,000 characters: how a text opens and how it ends."""
_HEAD, _TAIL = 6_000, 2_000

_CHUNK = 512  # texts between two steps of the progress bar
_BLOCK = 131_072  # texts that are looked up and held as Python strings at once
_STORE_EVERY = (
    8_192  # vectors between two writes to the cache, so that an interrupted run keeps most of its work
)
_HUB_SECONDS = 10.0  # how long the hub may take to answer before it counts as missing
_OFFLINE = "embedder=None is the bundled default and needs no network"

_T = TypeVar("_T")


@runtime_checkable
class Embedder(Protocol):
    """Anything with a name and ``embed``; two embedders that give different vectors must have different names."""

    name: str

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (n, d), float32, for n texts, each no longer than ``MAX_CHARS``."""
        ...


class StaticEmbedder:
    """The bundled model: all-MiniLM-L6-v2 distilled to one 256-dimensional vector a token, averaged over a text.

    Source: model2vec (Tulkens and van Dongen, 2024, github.com/MinishLab/model2vec), PCA and SIF weights (Arora
    et al., 2017, "A simple but tough-to-beat baseline for sentence embeddings"). It reads nothing but its own two
    files and never the network.

    Raises
    ------
    ModelError
        When a file is missing or its sha256 is not the one that was released.

    Examples
    --------
    >>> StaticEmbedder().embed(["my parcel is late", "where is my order?"]).shape
    (2, 256)
    """

    def __init__(self, folder: Path | str = MODEL_FOLDER) -> None:
        # both files make the vectors, so both are in the name that the cache goes by
        both = hashlib.sha256("".join(MODEL_SHA256.values()).encode()).hexdigest()
        self.name = f"static-minilm-256:{both[:12]}"
        self._folder = Path(folder)
        self._model: Any = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (n, 256); a text without a known token is a row of zeros."""
        with self._lock:
            if self._model is None:
                self._model = self._load()
        vectors = self._model.encode([encodable(text) for text in texts], use_multiprocessing=False)
        return np.asarray(vectors, dtype=np.float32)

    def _load(self) -> Any:
        content = {}
        for name, expected in MODEL_SHA256.items():
            path = self._folder / name
            try:
                content[name] = path.read_bytes()
            except OSError as error:
                raise ModelError(
                    f"the bundled embedder's file {path} cannot be read ({error}); reinstall failscope"
                ) from error
            found = hashlib.sha256(content[name]).hexdigest()
            if found != expected:
                raise ModelError(
                    f"the bundled embedder's file {path} was changed: sha256 {found}, expected {expected}; reinstall failscope"
                )

        from model2vec import StaticModel
        from safetensors.numpy import load
        from tokenizers import Tokenizer

        tensors = load(content["model.safetensors"])
        # whole floats once, not per text: 30 MB of memory for twice the speed
        vectors = tensors["embeddings"].astype(np.float32) * tensors["weights"][:, None]
        tokenizer = Tokenizer.from_str(content["tokenizer.json"].decode("utf-8"))
        return StaticModel(vectors, tokenizer, normalize=True, max_length=None)

    def __repr__(self) -> str:
        return f"StaticEmbedder(name={self.name!r})"


class SentenceTransformerEmbedder:
    """Any sentence-transformers model, by its name on the hub or by the path of its folder.

    Its files are found (and fetched, where there is a hub) when it is made; torch is loaded at the first text that
    is not in the cache. The name holds a digest of the weights and settings, so that another model at the same
    path, or another revision of the same name, never meets the old one's vectors.

    Parameters
    ----------
    model : str or Path
        "intfloat/multilingual-e5-small", or a folder.
    device : str, optional
        "cpu", "cuda", "mps"; None takes the fastest that torch finds.
    batch_size : int
        Texts a forward pass.
    backend : {"torch", "onnx", "openvino"}
        What runs the model; it is not part of the name, as it does not change the vectors beyond rounding.

    Raises
    ------
    ModelError
        No such folder, no such model, or no hub to fetch it from. It says so within seconds.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        device: str | None = None,
        batch_size: int = 32,
        backend: Literal["torch", "onnx", "openvino"] = "torch",
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(f"batch_size={batch_size!r} must be at least 1")
        if backend not in ("torch", "onnx", "openvino"):
            raise ArgumentError(f"backend={backend!r} is not known; take 'torch', 'onnx' or 'openvino'")
        self._folder = _find_model(str(model), backend)
        label = self._folder.name if Path(model).expanduser().is_dir() else str(model)
        self.name = f"{label}:{_content_digest(self._folder)[:12]}"
        self.device = device
        self.batch_size = batch_size
        self.backend = backend
        self._model: Any = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (n, d) as the model gives them; what exceeds its window is cut by the model."""
        with self._lock:
            if self._model is None:
                self._model = self._load()
        vectors = self._model.encode(
            [encodable(text) for text in texts],
            batch_size=self.batch_size,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, dtype=np.float32)

    def _load(self) -> Any:
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(
                str(self._folder), device=self.device, backend=self.backend, local_files_only=True
            )
        except ImportError as error:
            raise MissingPackageError(
                f"backend={self.backend!r} needs a package that is not installed ({error}); "
                f"pip install 'sentence-transformers[{self.backend}]'"
            ) from error
        except Exception as error:
            raise ModelError(f"the model in {self._folder} cannot be loaded ({error}); {_OFFLINE}") from error

    def __repr__(self) -> str:
        return f"SentenceTransformerEmbedder(name={self.name!r}, device={self.device!r}, backend={self.backend!r})"


@lru_cache(maxsize=1)
def _bundled() -> StaticEmbedder:
    return StaticEmbedder()


def resolve_embedder(embedder: Embedder | str | Path | None = None) -> Embedder:
    """The embedder that an argument means: None is the bundled one, a text is a model's name or path."""
    if embedder is None:
        return _bundled()
    if isinstance(embedder, (str, Path)):
        return SentenceTransformerEmbedder(embedder)
    if isinstance(embedder, Embedder) and isinstance(embedder.name, str) and callable(embedder.embed):
        return embedder
    raise ArgumentError(
        f"embedder={embedder!r} is not an embedder; take None, a sentence-transformers name or path, or an object "
        "with a name (str) and embed(texts) -> (n, d)"
    )


def embed_texts(
    texts: Sequence[str] | ExtensionArray,
    *,
    embedder: Embedder | str | Path | None = None,
    cache: VectorCache | None = None,
    progress: bool = True,
) -> np.ndarray:
    """Unit vectors of texts, each distinct text embedded once.

    Parameters
    ----------
    texts : sequence of str
        n texts, a column's ``.array`` as well as a list. One longer than ``MAX_CHARS`` is embedded by its head and
        tail.
    embedder : Embedder, str or None
        See ``resolve_embedder``.
    cache : VectorCache, optional
        Where vectors are looked up and kept, by the embedder's name and the text's sha256.
    progress : bool
        A progress bar on what takes over two seconds.

    Returns
    -------
    numpy.ndarray
        (n, d) float32, rows of length 1. A text that is empty, only white space, or without any token that the
        model knows is a row of zeros: it is near nothing, and it is never NaN.

    Examples
    --------
    >>> vectors = embed_texts(["my parcel is late", "", "my parcel is late"])
    >>> vectors.shape, float((vectors[0] * vectors[2]).sum().round(3)), float(abs(vectors[1]).sum())
    ((3, 256), 1.0, 0.0)
    """
    model = resolve_embedder(embedder)
    table: np.ndarray | None = None
    first: dict[bytes, int] = {}  # the digest of each text that was seen, and its row
    unstored: dict[str, np.ndarray] = {}

    def store(at_least: int) -> None:
        if cache is not None and len(unstored) >= at_least:
            cache.put(model.name, unstored)
            unstored.clear()

    def keep(row: int, vector: np.ndarray) -> None:
        nonlocal table
        if table is None:
            table = np.zeros((len(texts), len(vector)), dtype=np.float32)
        if vector.shape != table.shape[1:]:
            raise ModelError(
                f"embedder {model.name!r} gave vectors of different lengths ({table.shape[1]} and {vector.shape}); "
                "another model was cached under this name: give each model a name of its own"
            )
        table[row] = vector

    from tqdm.auto import tqdm

    with tqdm(
        total=len(texts), desc="embedding", unit=" texts", delay=2, disable=not progress, leave=False
    ) as bar:
        try:
            # only one block of texts and its vectors is held besides the table
            for start in range(0, len(texts), _BLOCK):
                block = [str(text) for text in texts[start : start + _BLOCK]]
                digests = [_digest(text) for text in block]
                fresh = [
                    i
                    for i, digest in enumerate(digests, start)
                    if first.setdefault(digest, i) == i and block[i - start].strip()
                ]
                keys = {i: text_hash(block[i - start]) for i in fresh} if cache is not None else {}
                known = cache.get(model.name, list(keys.values())) if cache is not None else {}
                for i, key in keys.items():
                    if key in known:
                        keep(i, np.asarray(known[key], dtype=np.float32))
                missing = [i for i in fresh if keys.get(i) not in known]
                bar.update(len(block) - len(missing))
                for at in range(0, len(missing), _CHUNK):
                    part = missing[at : at + _CHUNK]
                    for i, vector in zip(
                        part, _embed_part(model, [block[i - start] for i in part]), strict=True
                    ):
                        keep(i, vector)
                        if cache is not None:
                            unstored[keys[i]] = vector
                    store(_STORE_EVERY)
                    bar.update(len(part))
                if table is not None:
                    rows = np.array([first[digest] for digest in digests], dtype=np.int64)
                    again = np.flatnonzero(rows != np.arange(start, start + len(rows)))
                    table[start + again] = table[rows[again]]
        finally:
            store(1)
    return np.zeros((len(texts), _width(model)), dtype=np.float32) if table is None else table


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _embed_part(model: Embedder, texts: list[str]) -> np.ndarray:
    vectors = np.asarray(model.embed([_capped(text) for text in texts]), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ModelError(
            f"embedder {model.name!r} gave shape {vectors.shape} for {len(texts):,} texts; embed(texts) must give (n, d)"
        )
    broken = np.asarray(~np.isfinite(vectors).all(axis=1))
    if broken.any():
        warnings.warn(
            f"embedder {model.name!r} gave NaN or infinity for {broken.sum():,} texts that are not empty; they count as texts without words",
            stacklevel=3,
        )
        vectors = np.where(broken[:, None], np.float32(0), vectors)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)


def _width(model: Embedder) -> int:
    """How long a vector is when no text says so: asked of the model by a word."""
    return int(_embed_part(model, ["text"]).shape[1])


def _capped(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:_HEAD]}\n{text[-_TAIL:]}"


def _find_model(model: str, backend: str) -> Path:
    """The local folder of a model, from a path, the hub's cache or the hub."""
    folder = Path(model).expanduser()
    if model.strip() and folder.is_dir():
        return folder.resolve()
    if model.startswith((".", "/", "~")) or "\\" in model or model.count("/") > 1 or not model.strip():
        raise ModelError(
            f"no model folder at {model!r}; give the path of a sentence-transformers folder; {_OFFLINE}"
        )

    from huggingface_hub import HfApi, snapshot_download

    # sentence-transformers' own rule: a name without an owner is one of theirs
    repo = model if "/" in model else f"sentence-transformers/{model}"
    try:
        return Path(snapshot_download(repo, local_files_only=True))
    except Exception:  # noqa: BLE001  not fetched before, for whatever reason: the hub has to be asked
        if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
            raise ModelError(
                f"model {model!r} is not a folder, was not fetched before, and HF_HUB_OFFLINE is set; {_OFFLINE}"
            ) from None
    info = _within(_HUB_SECONDS, lambda: HfApi().model_info(repo, timeout=_HUB_SECONDS / 2), what=model)
    files = {sibling.rfilename for sibling in info.siblings or ()}
    unused = ["*.h5", "*.msgpack", "*.ot", "*.tflite", "*.gguf"]
    if backend != "onnx":
        unused += ["*.onnx", "onnx/*"]
    if backend != "openvino":
        unused += ["openvino/*"]
    if "model.safetensors" in files:
        unused.append("pytorch_model.bin")
    try:
        return Path(snapshot_download(repo, ignore_patterns=unused))
    except Exception as error:
        raise ModelError(
            f"model {model!r} could not be fetched from the hub ({error}); {_OFFLINE}"
        ) from error


def _within(seconds: float, ask: Callable[[], _T], *, what: str) -> _T:
    """The answer, or ModelError: a client's timeout does not cover a name server that never answers."""
    answer: list[_T] = []
    failure: list[Exception] = []

    def run() -> None:
        try:
            answer.append(ask())
        except Exception as error:  # noqa: BLE001  told to the caller below
            failure.append(error)

    # a daemon thread: one that hangs in the resolver must not hold up the interpreter's exit
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if answer:
        return answer[0]
    why = (
        f"{type(failure[0]).__name__}: {str(failure[0]).splitlines()[0][:200]}"
        if failure
        else f"no answer in {seconds:.0f} s"
    )
    raise ModelError(f"model {what!r} is not a folder, and the hub cannot give it ({why}); {_OFFLINE}")


def _content_digest(folder: Path) -> str:
    """One sha256 over weights and settings, by relative path; the weights of other backends only where no others are."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    weights = {n: p for n, p in files.items() if n.endswith((".safetensors", ".bin"))}
    if not weights:
        weights = {n: p for n, p in files.items() if n.endswith((".onnx", ".xml"))}
    if not weights:
        raise ModelError(f"the folder {folder} holds no weights (*.safetensors, *.bin, *.onnx); {_OFFLINE}")
    settings = {n: p for n, p in files.items() if n.endswith((".json", ".txt", ".model"))}
    digest = hashlib.sha256()
    for name, path in sorted((weights | settings).items()):
        with path.open("rb") as file:
            digest.update(f"{name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
