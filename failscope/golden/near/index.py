"""Which examples of a golden set ask what a new one asks: hides what is kept of the set's texts between questions."""

from __future__ import annotations

import os
import weakref
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from failscope.golden.near import sameness
from failscope.golden.near.sameness import masked, sketches
from failscope.golden.near.search import Near, compare, hashes, likely, texts_of
from failscope.golden.near.table import ASKED, GIVEN, Table, joined, read_table, write_table
from failscope.surface.embedding import Embedder, embed_texts, resolve_embedder

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

FILE = ".near.npz"
"""In a golden set's folder: what is known of its examples. It is derived, and may be deleted at any time."""

_UNSAVED = (
    64  # examples that are read again each time rather than written: one promotion writes no large file
)
_ROWS_AT_ONCE = 4_096
_CASES_HELD = 20_000
_LOOKED_AGAIN = 32  # rows of the file that are made anew when it is read
_CLOSE = 0.01  # what another machine's rounding may move a number of a unit vector


_LIVE: weakref.WeakSet[NearIndex] = weakref.WeakSet()


@dataclass(eq=False)
class NearIndex:
    """Finds what lies near an example among 100,000 in a fraction of a second; ``NearIndex.of(folder)`` makes it.

    What costs time is kept in ``FILE`` in the golden set's folder, by the hash of each example. A file that is damaged,
    of another embedder or not ours is made again; one that cannot be written is not missed.

    Attributes
    ----------
    home : Path or None
        The golden set's folder; None keeps nothing.
    embedder : Embedder
    """

    home: Path | None
    embedder: Embedder
    progress: bool = True
    _held: tuple[tuple[str, tuple[str, ...]], Table] | None = field(default=None, repr=False)
    _seen: dict[tuple[str, str], Table] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _LIVE.add(self)

    @classmethod
    def of(
        cls,
        home: str | os.PathLike[str] | None,
        *,
        embedder: Embedder | str | Path | None = None,
        progress: bool = True,
    ) -> NearIndex:
        """An index of the golden set in a folder; it is read at the first question.

        Parameters
        ----------
        home : path or None
            The folder that holds the set's versions.
        embedder : Embedder, str or None
            What makes the vectors; see ``failscope.embed_texts``.
        progress : bool
            A progress bar on what takes over two seconds.

        Examples
        --------
        >>> ask = [{"id": "a", "input": "Where is my parcel today?"}, {"id": "b", "input": "where is my parcel today??"}]
        >>> [[near.example_id for near in found] for found in NearIndex.of(None).among(ask, overlap=0.7, cosine=0.95)]
        [[], ['a']]
        """
        return cls(None if home is None else Path(home), resolve_embedder(embedder), progress)

    def forget(self) -> None:
        """Delete what is kept: vectors tell something of the texts that they were made of."""
        self._empty()
        if self.home is not None:
            (self.home / FILE).unlink(missing_ok=True)

    def _empty(self) -> None:
        self._held = None
        self._seen.clear()

    def modes(self, golden: GoldenSet | None) -> Counter[tuple[str, ...]]:
        """How many examples have which failure modes together."""
        if golden is None or not len(golden):
            return Counter()
        table = self._table(golden)
        counts = np.bincount(table.modes, minlength=len(table.names))
        return Counter({names: int(n) for names, n in zip(table.names, counts, strict=True) if n})

    def in_set(
        self,
        examples: Sequence[Mapping[str, Any]],
        golden: GoldenSet | None,
        *,
        overlap: float,
        cosine: float,
    ) -> list[Near | None]:
        """For each example the one of a golden set that asks the same, the likeliest; itself does not count.

        Parameters
        ----------
        examples : sequence of mapping
            ``id``, ``input`` and ``context``.
        golden : GoldenSet or None
        overlap, cosine : float
            From where two are the same: the share of common runs of five signs, and the cosine of their vectors.
        """
        if golden is None or not len(golden) or not examples:
            return [None] * len(examples)
        ids, table = golden.rows.ids, self._table(golden)

        def is_other(n: int, at: int) -> bool:
            return bool(ids[at] != examples[n].get("id"))

        rows = likely(self._of(examples), table, least=overlap, cosine=cosine, counts=is_other)
        found: list[Near | None] = []
        for example, places in zip(examples, rows, strict=True):
            nears = [
                compare(example, golden.rows[at], least=overlap, cosine=cosine, figure=figure)
                for at, figure in places
            ]
            found.append(max(filter(None, nears), key=lambda near: near.rank, default=None))
        return found

    def among(
        self,
        examples: Sequence[Mapping[str, Any]],
        *,
        overlap: float,
        cosine: float,
        counts: Callable[[int], bool] = lambda at: True,
    ) -> Iterator[list[Near]]:
        """For each example, in turn, those before it that ask the same, the likeliest first.

        Parameters
        ----------
        examples : sequence of mapping
        overlap, cosine : float
            As in ``in_set``.
        counts : callable
            Whether the example at a place stands in the way of those behind it; asked when their turn comes.
        """
        if not examples:
            return
        table = self._of(examples)

        def is_other(n: int, at: int) -> bool:
            return examples[at].get("id") != examples[n].get("id") and counts(at)

        rows = likely(table, table, least=overlap, cosine=cosine, counts=is_other, before=True)
        for example, places in zip(examples, rows, strict=True):
            nears = [
                compare(example, examples[at], least=overlap, cosine=cosine, figure=figure)
                for at, figure in places
            ]
            yield sorted(filter(None, nears), key=lambda near: near.rank, reverse=True)

    def _of(self, examples: Sequence[Mapping[str, Any]]) -> Table:
        """The rows of cases; a desk asks for the same ones again and again."""
        texts = [texts_of(e) for e in examples]
        new = [t for t in dict.fromkeys(texts) if t not in self._seen]
        if len(self._seen) + len(new) > _CASES_HELD:
            self._seen.clear()
            new = list(dict.fromkeys(texts))
        if new:
            made = self._made([""] * len(new), new, [()] * len(new))
            self._seen |= {text: made.take(np.array([n])) for n, text in enumerate(new)}
        return joined([self._seen[text] for text in texts])

    def _made(
        self, keys: Sequence[str], texts: Sequence[tuple[str, str]], modes: Sequence[tuple[str, ...]]
    ) -> Table:
        asked = [masked(question) for question, _ in texts]
        code: dict[tuple[str, ...], int] = {}
        codes = [code.setdefault(names, len(code)) for names in modes]
        return Table(
            np.array(keys, dtype="S64"),
            hashes(texts),
            sketches(asked, ASKED),
            sketches([masked(context) for _, context in texts], GIVEN),
            embed_texts(asked, embedder=self.embedder, progress=False).astype(np.float16),
            np.array(codes, dtype=np.int32),
            list(code),
        )

    def _table(self, golden: GoldenSet) -> Table:
        """The rows of a set's examples, in their order."""
        # a set whose examples were removed on request keeps its hash
        version = (golden.sha256, tuple(sorted(golden.rows.forgotten)))
        if self._held is not None and self._held[0] == version:
            return self._held[1]
        known: Mapping[str, str] = golden.manifest["examples"]
        keys = [known[i] for i in golden.rows.ids]
        about = {"embedder": self.embedder.name, "input": ASKED, "context": GIVEN}
        kept = None if self.home is None else read_table(self.home / FILE, about)
        if kept is not None and kept.vectors.shape[1] != self._of([{}]).vectors.shape[1]:
            kept = None  # another model went by this name
        if kept is not None and np.array_equal(kept.keys, np.array(keys, dtype="S64")):
            if self._is_true(kept, golden, keys, range(len(keys))):
                self._held = (version, kept)
                return kept
            kept = None
        there = [] if kept is None else [key.decode("ascii", "replace") for key in kept.keys.tolist()]
        place = {key: n for n, key in enumerate(there)}
        if kept is not None and not self._is_true(kept, golden, keys, [place.get(key, -1) for key in keys]):
            kept, there, place = None, [], {}
        new = [n for n, key in enumerate(keys) if key not in place]
        place |= {keys[n]: len(there) + k for k, n in enumerate(new)}
        every = joined([*([] if kept is None else [kept]), *self._read(golden, keys, new)])
        at = np.array([place[key] for key in keys])
        # what was forgotten is not kept; other branches' examples are, up to as many again
        stale = any(known[i] in place for i in golden.rows.forgotten)
        if self.home is not None and self.home.is_dir() and (len(new) > _UNSAVED or stale):
            whole = len(every) <= 2 * len(keys) and not stale
            write_table(self.home / FILE, every if whole else every.take(at), about)
        self._held = (version, every.take(at))
        return self._held[1]

    def _is_true(self, kept: Table, golden: GoldenSet, keys: Sequence[str], places: Sequence[int]) -> bool:
        """Whether some rows of a table are what their examples make; ``places``: where each example is, or -1."""
        at = np.asarray(places)
        mine = np.flatnonzero(at >= 0)
        mine = np.random.default_rng(0).permutation(mine)[:_LOOKED_AGAIN]
        if not len(mine):
            return True
        again, there = joined(list(self._read(golden, keys, mine.tolist()))), kept.take(at[mine])
        same = all(
            np.array_equal(getattr(again, name), getattr(there, name)) for name in ("exact", "asked", "given")
        )
        same = same and bool(np.allclose(again.vectors, there.vectors, rtol=0, atol=_CLOSE))
        modes = zip(again.modes, there.modes, strict=True)
        return same and all(again.names[a] == there.names[b] for a, b in modes)

    def _read(self, golden: GoldenSet, keys: Sequence[str], new: Sequence[int]) -> Iterator[Table]:
        from tqdm.auto import tqdm

        with tqdm(
            total=len(new),
            desc="reading the golden set",
            unit=" examples",
            delay=2,
            disable=not self.progress,
            leave=False,
        ) as bar:
            for start in range(0, len(new), _ROWS_AT_ONCE):
                part = new[start : start + _ROWS_AT_ONCE]
                rows = [golden.rows[n] for n in part]
                modes = [tuple(map(str, row.get("failure_modes") or ())) for row in rows]
                yield self._made([keys[n] for n in part], [texts_of(row) for row in rows], modes)
                bar.update(len(part))


def forget_texts() -> None:
    """Empty what every index and the comparing of texts keep in memory; the files stay (``NearIndex.forget``)."""
    for index in list(_LIVE):
        index._empty()
    sameness.forget_texts()


def place_of(golden: GoldenSet, example_id: str) -> int | None:
    """Where an example stands in the rows of a set; None where it does not."""
    ids = golden.rows.ids
    at = bisect_left(ids, example_id)
    return at if at < len(ids) and ids[at] == example_id else None
