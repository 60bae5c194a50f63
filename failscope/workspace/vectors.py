"""Vectors kept between sessions, in Parquet, keyed by the embedder that made them and the hash of the text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from failscope.errors import WorkspaceError
from failscope.workspace.files import Files, part_name


class VectorStore:
    """A ``VectorCache`` in a workspace's files; several processes may add to it at once, each in a file of its own."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def get(self, embedder: str, hashes: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors known for these text hashes, float32."""
        wanted = pa.array(sorted(set(hashes)), type=pa.string())
        found: dict[str, np.ndarray] = {}
        for part in self.files.names(_folder(embedder)):
            try:
                table = self.files.read(part)
            except WorkspaceError:
                if part in self.files.names(_folder(embedder)):
                    raise
                return self.get(embedder, hashes)  # a deletion wrote the part anew meanwhile
            table = table.filter(pc.is_in(table["hash"], value_set=wanted))
            if not len(table):
                continue
            flat = pc.list_flatten(table["vector"]).to_numpy()
            rows = np.asarray(flat, dtype=np.float32).reshape(len(table), -1)
            found |= dict(zip(table["hash"].to_pylist(), rows, strict=True))
        return found

    def put(self, embedder: str, vectors: Mapping[str, np.ndarray]) -> None:
        """Keep vectors by text hash; when this returns they are on the disk."""
        if not vectors:
            return
        matrix = np.stack([np.asarray(v, dtype=np.float32) for v in vectors.values()])
        values = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])
        table = pa.table({"hash": pa.array(list(vectors), type=pa.string()), "vector": values})
        self.files.write(_folder(embedder) + part_name(), table)


def forget_vectors(files: Files, hashes: Collection[str], *, connection: sa.Connection) -> tuple[int, int]:
    """Write every part anew that holds a vector of these texts, without them; how many vectors, and parts, there were.

    Killed between the new part and the old one's end it leaves the kept vectors twice, which changes nothing.
    """
    unwanted = pa.array(sorted(hashes), type=pa.string())
    vectors = parts = 0
    for name in files.tree("vectors/") if hashes else ():
        table = files.read(name)
        hit = pc.is_in(table["hash"], value_set=unwanted)
        count = int(pc.sum(hit).as_py() or 0)
        if not count:
            continue
        if count < len(table):
            kept = f"{name.rpartition('/')[0]}/{part_name()}"
            files.write(kept, table.filter(pc.invert(hit)), connection=connection)
        files.remove(name, connection=connection)
        vectors, parts = vectors + count, parts + 1
    return vectors, parts


def _folder(embedder: str) -> str:
    # a model's name may be a path or hold any sign; the hash keeps two names apart that shorten alike
    short = re.sub(r"[^A-Za-z0-9]+", "-", embedder).strip("-")[:60]
    return f"vectors/{short}-{hashlib.sha256(embedder.encode()).hexdigest()[:8]}/"
