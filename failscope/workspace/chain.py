"""The chain that holds a log together: each event's hash covers its own words and the hash of the event before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

START = "0" * 64
"""What the first event follows."""

FIELDS = ("seq", "id", "at", "kind", "actor", "session", "trace_id", "payload", "version")
"""What the hash of an event covers, beside the hash of the one before."""


def link(before: str, event: Mapping[str, Any]) -> str:
    """The hash of an event that follows one with the hash ``before``.

    Parameters
    ----------
    before : str
        64 hex digits; ``START`` for the first event.
    event : mapping
        It has ``FIELDS``; the payload as an object, not as text.

    Returns
    -------
    str
        SHA-256 (FIPS 180-4) of ``before``, a newline, and the fields as JSON with sorted keys, in hex.

    Examples
    --------
    >>> from failscope.workspace.chain import FIELDS, START, link
    >>> first = link(START, dict.fromkeys(FIELDS, ""))
    >>> link(first, dict.fromkeys(FIELDS, "")) == first
    False
    """
    said = {name: event[name] for name in FIELDS}
    text = json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{before}\n{text}".encode("ascii")).hexdigest()
