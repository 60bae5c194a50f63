"""What is known of many texts in a few bytes each: hides the file that keeps it and every way that file can be wrong."""

from __future__ import annotations

import json
import os
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ASKED, GIVEN = 128, 32
"""Bytes of the sketch of an input and of a context."""
FORMAT = "failscope near 2"

_COLUMNS = ("keys", "exact", "asked", "given", "vectors", "modes")


@dataclass(frozen=True, eq=False)
class Table:
    """n rows: the key of each, what its texts hash to, their sketches, the vector of its input, its failure modes.

    Attributes
    ----------
    keys : numpy.ndarray
        (n,) S64: the sha256 of the example's line.
    exact : numpy.ndarray
        (n,) uint64, equal where input and context are equal but for case and white space.
    asked, given : numpy.ndarray
        (n, ``ASKED``) and (n, ``GIVEN``) uint8.
    vectors : numpy.ndarray
        (n, d) float16.
    modes : numpy.ndarray
        (n,) int32, each the place in ``names`` of the row's failure modes.
    names : list of tuple of str
    """

    keys: np.ndarray
    exact: np.ndarray
    asked: np.ndarray
    given: np.ndarray
    vectors: np.ndarray
    modes: np.ndarray
    names: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, at: np.ndarray) -> Table:
        """These rows, in this order."""
        if len(at) == len(self) and bool((at == np.arange(len(at))).all()):
            return self
        rows: dict[str, Any] = {name: getattr(self, name)[at] for name in _COLUMNS}
        return Table(**rows, names=self.names)


def joined(tables: Sequence[Table]) -> Table:
    """The rows of several tables, one after the other."""
    if len(tables) == 1:
        return tables[0]
    code: dict[tuple[str, ...], int] = {}
    modes = []
    for table in tables:
        mine = [code.setdefault(names, len(code)) for names in table.names]
        modes.append(np.array(mine, dtype=np.int32)[table.modes])
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables]) for name in _COLUMNS
    }
    return Table(**columns | {"modes": np.concatenate(modes)}, names=list(code))


def read_table(path: Path, about: Mapping[str, Any]) -> Table | None:
    """What a file keeps; None where it is absent, damaged, or made with other settings than ``about``."""
    if not path.is_file():
        return None
    try:
        return _checked(path, about)
    except Exception:  # noqa: BLE001  anyone can write that file; whatever is wrong with it, it is made again
        return None


def _checked(path: Path, about: Mapping[str, Any]) -> Table:
    with zipfile.ZipFile(path) as parts:
        infos = parts.infolist()
        # a bomb is compressed
        plainly = all(i.compress_type == zipfile.ZIP_STORED for i in infos)
        if not plainly or sum(i.file_size for i in infos) > path.stat().st_size:
            raise ValueError("not as it was written")
    with np.load(path, allow_pickle=False) as held:  # zip's checksums are checked while it is read
        said = json.loads(held["about"].tobytes())
        names = said.pop("names")
        if said != {"format": FORMAT, **about}:
            raise ValueError("made with other settings")
        # an array may lie in the file column by column, and is looked at byte by byte
        columns: dict[str, Any] = {name: np.ascontiguousarray(held[name]) for name in _COLUMNS}
        table = Table(**columns, names=[tuple(several) for several in names])
    n = len(table)
    shapes: tuple[tuple[np.ndarray, tuple[int, ...], Any], ...] = (
        (table.keys, (n,), "S64"),
        (table.exact, (n,), np.uint64),
        (table.asked, (n, ASKED), np.uint8),
        (table.given, (n, GIVEN), np.uint8),
        (table.vectors, (n, table.vectors.shape[1]), np.float16),
        (table.modes, (n,), np.int32),
    )
    sound = all(a.shape == shape and a.dtype == np.dtype(kind) for a, shape, kind in shapes)
    sound = sound and n > 0 and table.modes.min() >= 0 and int(table.modes.max()) < len(names)
    # infinity and NaN are the float16 whose exponent is all ones
    sound = sound and not bool(((table.vectors.view(np.uint16) & 0x7C00) == 0x7C00).any())
    if not sound or not all(isinstance(one, str) for several in names for one in several):
        raise ValueError("not as it was written")
    return table


def write_table(path: Path, table: Table, about: Mapping[str, Any]) -> None:
    """Keep a table, whole or not at all; a folder that cannot be written costs time and nothing else."""
    said = json.dumps({"format": FORMAT, **about, "names": table.names}).encode()
    half = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.half")
    with suppress(OSError):
        try:
            with half.open("wb") as file:
                np.savez(
                    file,
                    about=np.frombuffer(said, dtype=np.uint8),
                    **{name: getattr(table, name) for name in _COLUMNS},
                )
            os.replace(half, path)  # of two processes the later one's holds, and either is whole
        finally:
            half.unlink(missing_ok=True)
