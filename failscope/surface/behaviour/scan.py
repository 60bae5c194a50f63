"""One reading of a frame that all probes share: hides how texts are capped, folded and matched many thousand a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from failscope.traces.table import encodable

if TYPE_CHECKING:
    from failscope.surface.behaviour.calls import CallFigures
    from failscope.surface.behaviour.consistency import PeerFigures
    from failscope.surface.behaviour.instructions import InstructionFigures
    from failscope.surface.behaviour.language import Languages
    from failscope.surface.behaviour.schemas import Parsed
    from failscope.surface.behaviour.support import SupportFigures
    from failscope.surface.behaviour.words import WordFigures

SCAN_CHARS = 8_000
"""What is read of a long text, two thirds from its start and one third from its end. Lengths are of the whole text."""

_NOTHING, _LINE_FEED = pa.scalar("", type=pa.large_string()), pa.scalar("\n", type=pa.large_string())
_BLANK = ("", None)
_active: ContextVar[Scan | None] = ContextVar("failscope_scan", default=None)


class Scan:
    """The text columns of one frame as Arrow arrays, and what several probes derive from them, each made once.

    Patterns run in RE2 through Arrow: its time is linear in the text whatever the text is, and the loop is in C++.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.n = len(frame)
        self._made: dict[str, Any] = {}

    def whole(self, column: str) -> pa.Array:
        """A text column, uncut; lone surrogates are U+FFFD and a missing value is ""."""
        return self._once(
            f"whole {column}",
            lambda: _arrow(self.frame[column]) if column in self.frame else _arrow([""] * self.n),
        )

    def text(self, column: str) -> pa.Array:
        """A text column as far as it is scanned (``SCAN_CHARS``)."""
        return self._once(f"text {column}", lambda: _capped(self.whole(column)))

    def lower(self, column: str) -> pa.Array:
        """The scanned text in lower case with straight apostrophes: what phrases are looked for in."""
        return self._once(
            f"lower {column}", lambda: pc.replace_substring(pc.utf8_lower(self.text(column)), "’", "'")
        )

    def opening(self, column: str, *, chars: int = 400) -> pa.Array:
        """The start of the lower-case text, where an answer says whether it will answer."""
        return self._once(
            f"opening {column} {chars}", lambda: pc.utf8_slice_codeunits(self.lower(column), 0, chars)
        )

    def trimmed(self, column: str) -> pa.Array:
        """The scanned text without white space around it."""
        return self._once(f"trimmed {column}", lambda: pc.utf8_trim_whitespace(self.text(column)))

    def lines_of(self, column: str) -> pa.Array:
        """The trimmed text with a line feed before it, so that r"\\n" in a pattern is the start of any line."""
        return self._once(
            f"lines of {column}",
            lambda: pc.binary_join_element_wise(_NOTHING, self.trimmed(column), _LINE_FEED),
        )

    def last_line(self, column: str) -> pa.Array:
        """The last line that is not blank (its last 300 characters)."""
        ending = self._once(
            f"ending {column}", lambda: pc.utf8_slice_codeunits(self.trimmed(column), -300, 2**31 - 1)
        )
        return self._once(
            f"last line {column}",
            lambda: pc.fill_null(
                pc.struct_field(pc.extract_regex(ending, r"(?P<line>[^\n]*)\z"), "line"), ""
            ),
        )

    def present(self, column: str) -> np.ndarray:
        """True where the text has anything but white space."""
        return self._once(
            f"present {column}",
            lambda: to_numpy(pc.binary_length(pc.utf8_trim_whitespace(self.text(column)))) > 0,
        )

    @cached_property
    def words(self) -> WordFigures:
        """Word counts, repetition and overlaps between output, input, context and system prompt."""
        from failscope.surface.behaviour.words import word_figures

        return word_figures(self)

    @cached_property
    def languages(self) -> Languages:
        """The languages of inputs and outputs, where they can be told."""
        from failscope.surface.behaviour.language import identify

        return identify(self)

    @cached_property
    def peers(self) -> PeerFigures:
        """Each answer against the other answers to the same question."""
        from failscope.surface.behaviour.consistency import peer_figures

        return peer_figures(self)

    @cached_property
    def support(self) -> SupportFigures:
        """The sentences, names and quotations of outputs against the context."""
        from failscope.surface.behaviour.support import support_figures

        return support_figures(self)

    @cached_property
    def calls(self) -> CallFigures:
        """The function calls of outputs against the functions that were offered."""
        from failscope.surface.behaviour.calls import call_figures

        return call_figures(self)

    @cached_property
    def instructions(self) -> InstructionFigures:
        """What inputs ask for that code can check, and whether the outputs keep to it."""
        from failscope.surface.behaviour.instructions import instruction_figures

        return instruction_figures(self)

    def parsed(self, text: str) -> Parsed:
        """The function calls in a text, which several probes ask for."""
        from failscope.surface.behaviour.schemas import parse_calls

        return self._once(f"calls {text}", lambda: parse_calls(text))

    def _once(self, key: str, make: Callable[[], Any]) -> Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


@contextmanager
def sharing(frame: pd.DataFrame) -> Iterator[Scan]:
    """Within it, every probe that reads this very frame shares one scan; afterwards nothing is kept."""
    scan = Scan(frame)
    token = _active.set(scan)
    try:
        yield scan
    finally:
        _active.reset(token)


def scan_of(frame: pd.DataFrame) -> Scan:
    """The shared scan of this frame, or a new one when a probe is called by itself."""
    active = _active.get()
    return active if active is not None and active.frame is frame else Scan(frame)


def matches(texts: pa.Array, pattern: str) -> np.ndarray:
    """True where an RE2 pattern is found."""
    return to_numpy(pc.match_substring_regex(texts, pattern))


def counts(texts: pa.Array, pattern: str) -> np.ndarray:
    """How often an RE2 pattern is found, without overlaps."""
    return to_numpy(pc.count_substring_regex(texts, pattern))


def to_numpy(array: pa.Array) -> np.ndarray:
    """An Arrow array of numbers or truth values as NumPy's."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.to_numpy(zero_copy_only=False)


def _arrow(values: Any) -> pa.Array:
    try:
        array = pa.array(values, type=pa.large_string(), from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError, TypeError):
        texts = [
            "" if value in _BLANK or value is pd.NA or value != value else encodable(str(value))
            for value in values
        ]
        array = pa.array(texts, type=pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        # pandas may hand over chunks of another width of offsets than was asked for
        array = array.cast(pa.large_string()).combine_chunks()
    return pc.fill_null(array, "")


def _capped(array: pa.Array) -> pa.Array:
    long = np.flatnonzero(to_numpy(pc.utf8_length(array)) > SCAN_CHARS)
    if not len(long):
        return array
    head, tail = SCAN_CHARS * 2 // 3, SCAN_CHARS - SCAN_CHARS * 2 // 3
    # a line of its own between them, so that no word or bracket pairs up across the cut
    cut = [f"{text[:head]}\n{text[-tail:]}" for text in array.take(pa.array(long)).to_pylist()]
    where = np.zeros(len(array), dtype=bool)
    where[long] = True
    return pc.replace_with_mask(array, pa.array(where), pa.array(cut, type=pa.large_string()))
