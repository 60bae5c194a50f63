"""Files that are there whole or not at all, however the process ends."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from failscope.golden.dataset import sync_folder


def part_name() -> str:
    """A file name that no other process picks, in the order of time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.parquet"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the place of ``path`` only when the block ends well, synced to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.half")
    try:
        yield half
        with half.open("rb") as file:
            os.fsync(file.fileno())
        half.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            half.unlink()


def write_parquet(table: pa.Table, path: Path) -> None:
    """One Parquet file, whole or not at all."""
    with whole_file(path) as half:
        pq.write_table(table, half, compression="zstd")
