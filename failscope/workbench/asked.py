"""What the page asked about, checked: a row, or rows in a buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from failscope.errors import ArgumentError


def asked_row(content: Mapping[str, Any], n: int) -> int:
    """The row of ``n`` that a message names."""
    row = content.get("row")
    if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < n:
        raise ArgumentError(f"the page asked for row {row!r} of {n:,}; run the cell again")
    return row


def asked_rows(buffers: Sequence[Any], n: int) -> np.ndarray:
    """The rows of ``n`` in a message's buffer, uint32; none without a buffer."""
    rows = np.frombuffer(buffers[0], dtype="<u4") if buffers else np.empty(0, dtype=np.uint32)
    if len(rows) and int(rows.max()) >= n:
        raise ArgumentError(f"the page sent row {int(rows.max()):,} of {n:,}; run the cell again")
    return rows.astype(np.uint32)
