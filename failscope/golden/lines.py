"""The bytes of a golden set: hides how an example becomes a line, a version a manifest, and a removed text a tombstone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from failscope.errors import ArgumentError, IntegrityError
from failscope.golden.croissant import FIELDS, croissant

EXAMPLES, MANIFEST, CROISSANT = "examples.jsonl", "manifest.json", "croissant.json"
TOMBSTONE = "forgotten"
"""The one key, beside the id, of a line whose texts were removed on a user's request."""

_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")


def line_of(row: Mapping[str, Any]) -> bytes:
    """One example as a line of JSON, without its line feed: sorted keys, no blanks, UTF-8."""
    return json.dumps(
        row, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":")
    ).encode()


def row_of(line: bytes) -> dict[str, Any]:
    """The example of a line."""
    row: dict[str, Any] = json.loads(line)
    return row


def content_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """An example without the path to it: another content is another decision. Older rows knew no criteria."""
    return {"criteria": [], **{key: value for key, value in row.items() if key != "provenance"}}


def example_id(trace_id: str) -> str:
    """The id of the example that a trace becomes: it stays the same when the expected output is edited."""
    if not trace_id:
        raise ArgumentError("a trace without an id cannot become an example")
    return "ex-" + hashlib.sha256(trace_id.encode("utf-8", "replace")).hexdigest()[:16]


def tombstone_line(example: str, digest: str, at: str) -> bytes:
    return line_of({"id": example, TOMBSTONE: {"at": at, "sha256": digest}})


def tombstone(line: bytes) -> tuple[str, str, str] | None:
    """What a tombstone says: id, the hash of the line it stands for, when; None for another line."""
    if not line.startswith(b'{"' + TOMBSTONE.encode()):
        return None
    try:
        said = json.loads(line)
        told = str(said["id"]), str(said[TOMBSTONE]["sha256"]), str(said[TOMBSTONE]["at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return told if line == tombstone_line(*told) and _WHEN.fullmatch(told[2]) else None


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as JSON, a line for each fact and each example; the hashes are put in as text, which is much quicker."""
    rest = {**manifest, "examples": {}}
    text = json.dumps(rest, ensure_ascii=False, sort_keys=True, allow_nan=False, indent=1) + "\n"
    known = manifest["examples"]
    if known:
        hashes = ",\n".join(f'  "{example}": "{known[example]}"' for example in sorted(known))
        text = text.replace('\n "examples": {},\n', f'\n "examples": {{\n{hashes}\n }},\n', 1)
    return text.encode()


def croissant_bytes(manifest: Mapping[str, Any], body: bytes, *, digest: str = "") -> bytes:
    """The description of a version for other tools; it follows from the manifest and the examples as they are now.

    ``digest`` is the hash of ``body``, where it is known.
    """
    facts = {EXAMPLES: {"bytes": len(body), "sha256": digest or sha(body)}}
    return described(manifest, facts, [name for name in FIELDS if b'"%s":' % name.encode() in body])


def described(
    manifest: Mapping[str, Any], files: Mapping[str, Any], fields: Sequence[str] = tuple(FIELDS)
) -> bytes:
    described = croissant(manifest, files=files, fields=fields)
    return (json.dumps(described, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def bytes_of(path: Path) -> bytes:
    try:
        if path.is_symlink():
            raise IntegrityError(
                f"{path} is a link; a golden set holds its own files; restore it from a copy"
            )
        return path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}; restore it from a copy") from error


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
