"""Who and what was forgotten on request: hides the keyed hashes by which a user is known again without being named."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd
import sqlalchemy as sa

from failscope.workspace import schema
from failscope.workspace.store import now

TRACE, USER, ROW = "trace", "user", "row"
"""Kinds of tombstones: a trace by its id, a user and a rejected row by keyed hash."""

_SALT = "tombstones"
_AT_ONCE = 1_000
_LONG_ENOUGH = 4  # an id of fewer signs is in many a text
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CELL = re.compile(r"[,;\t]")
_APART = re.compile(r"[\s\"'\[\]{}(),;:=<>|&?]+")
_NAMES_SOMEBODY = re.compile(r"id|user|session|conversation", re.IGNORECASE)


class Tombstones:
    """The tombstones of a workspace, as one transaction sees them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        table = schema.secrets
        query = sa.select(table.c.value).where(table.c.name == _SALT)
        self._salt = connection.execute(query).scalar_one_or_none()

    @property
    def any(self) -> bool:
        """Whether anything was ever forgotten here."""
        return self._salt is not None

    def key(self, kind: str, text: str) -> str:
        """HMAC-SHA256 (RFC 2104) of a text under this workspace's own key, in hex."""
        if self._salt is None:
            # under the writers' lock: nobody else makes one meanwhile
            self._salt = secrets.token_hex(32)
            self._connection.execute(sa.insert(schema.secrets).values(name=_SALT, value=self._salt))
        said = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(bytes.fromhex(self._salt), said, hashlib.sha256).hexdigest()

    def names(self, kind: str) -> set[str]:
        """The tombstones of a kind: ids of traces, else hashes."""
        table = schema.tombstones
        query = sa.select(table.c.name).where(table.c.kind == kind)
        return set(self._connection.execute(query).scalars()) if self.any else set()

    def put(self, kind: str, names: Iterable[str]) -> None:
        """Add tombstones; those that are there stay as they are."""
        fresh = sorted(set(names) - self.names(kind))
        if fresh:
            self.key(kind, "")  # from now on there is a key, and with it ``any``
        at = now()
        for k in range(0, len(fresh), _AT_ONCE):
            rows = [{"kind": kind, "name": name, "at": at} for name in fresh[k : k + _AT_ONCE]]
            self._connection.execute(sa.insert(schema.tombstones), rows)

    def traces(self, trace_ids: Sequence[str], user_ids: Sequence[str] | None = None) -> np.ndarray:
        """(n,) bool: which of these traces are forgotten, by their own id or by their user's."""
        out = np.zeros(len(trace_ids), dtype=bool)
        if not self.any:
            return out
        gone = self.names(TRACE)
        out |= np.fromiter((i in gone for i in trace_ids), dtype=bool, count=len(out))
        users = self.names(USER) if user_ids is not None else set()
        if users and user_ids is not None:
            known = {u: u != "" and self.key(USER, u) in users for u in set(map(str, user_ids))}
            out |= np.fromiter((known[str(u)] for u in user_ids), dtype=bool, count=len(out))
        return out

    def rows(self, rejected: pd.DataFrame) -> np.ndarray:
        """(n,) bool: which rejected rows were removed before, or name a forgotten user or trace."""
        out = np.zeros(len(rejected), dtype=bool)
        if not self.any or rejected.empty:
            return out
        rows, users, traces = self.names(ROW), self.names(USER), self.names(TRACE)
        for k, raw in enumerate(rejected["raw"].astype(str)):
            words = words_in(raw) if users or traces else set()
            out[k] = (
                self.key(ROW, raw) in rows
                or not words.isdisjoint(traces)
                or any(self.key(USER, word) in users for word in words)
            )
        return out


def words_in(raw: str) -> set[str]:
    """What in the raw text of a rejected row may be the id of a user or of a trace.

    Of JSON: every text, and every number under a key that names somebody. Of anything else, which is most of what
    was rejected: what stands in quotes, between commas or between blanks.

    Examples
    --------
    >>> sorted(words_in('{"user_id": 17, "latency": 3, "by": "ana@x"}'))
    ['17', 'ana@x']
    >>> "ana x" in words_in('broken {"user_id": "ana x"'), "7" in words_in("t1,7,hello")
    (True, True)
    """
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict | list):
        return set(_scalars(said))
    quoted = {_unescaped(q) for q in _QUOTED.findall(raw)}
    cells = {cell.strip().strip("\"'") for cell in _CELL.split(raw)}
    return (quoted | cells | set(_APART.split(raw))) - {""}


def mentions(raw: str, names: Collection[str], *, user: str | None = None) -> bool:
    """Whether a rejected row names one of these or the user, who is also looked for as a word anywhere in the text."""
    words = words_in(raw)
    if not words.isdisjoint(names) or (user is not None and user in words):
        return True
    if user is None or len(user) < _LONG_ENOUGH:
        return False
    spelled = {user, json.dumps(user)[1:-1]}
    return any(s in raw and re.search(rf"(?<!\w){re.escape(s)}(?!\w)", raw) for s in spelled)


def _scalars(value: object) -> Iterable[str]:
    ahead = [(value, False)]
    while ahead:
        here, named = ahead.pop()
        if isinstance(here, dict):
            ahead += [(inner, bool(_NAMES_SOMEBODY.search(str(key)))) for key, inner in here.items()]
        elif isinstance(here, list):
            ahead += [(inner, named) for inner in here]
        elif isinstance(here, str):
            yield here
        elif named and isinstance(here, int | float) and not isinstance(here, bool):
            yield str(here)


def _unescaped(quoted: str) -> str:
    try:
        return str(json.loads(f'"{quoted}"'))
    except ValueError:
        return quoted
