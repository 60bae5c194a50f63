"""How words and figures reach a terminal, a pipe or a program: hides control signs, widths, colours and JSON's types."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

_KEPT = {"\n", "\t"}
_LONGEST = 400
"""Signs of one cell; a text without a blank of a million signs would take a terminal minutes."""

_PIPED = 120
"""How wide a table is where there is no terminal to ask and COLUMNS is not set."""

_NARROW = 60
"""Below it a table's rows are written one below the other."""

Pieces = Sequence[tuple[str, str]]
"""A text in pieces, each with a style of rich ("" for none)."""

Cell = str | int | float | None | Pieces


def plain(text: str) -> str:
    """A text with nothing that a terminal obeys: what cannot be printed becomes U+FFFD, odd blanks become blanks.

    Examples
    --------
    >>> plain("a\\x1b[2Jb") == "a\\ufffd[2Jb"
    True
    """
    return "".join(c if c in _KEPT or c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def one_line(text: object, most: int = _LONGEST) -> str:
    """A text on one line and not longer than ``most`` signs, for a cell or a sentence; the cut is marked."""
    said = str(text)
    # what is cut off is not looked at: a text may have a hundred million signs
    flat = plain(" ".join(said[: 4 * most].split()))
    return flat if len(flat) <= most and len(said) <= 4 * most else flat[: most - 1] + "…"


def percent(share: float | None) -> str:
    """A share as people read it."""
    return "–" if share is None or math.isnan(share) else f"{share:.0%}"


def figure(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where it is not known."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def say(text: str, *, err: bool = False) -> None:
    """A line for people, on standard output or on the error stream."""
    print(one_line(text, 4_000), file=sys.stderr if err else sys.stdout)


def document(data: Mapping[str, Any]) -> None:
    """One JSON document on standard output: ASCII, so that no text in it can move a cursor."""
    print(json_text(data))


def json_text(data: Mapping[str, Any]) -> str:
    """The same as a text; what JSON has no number for is null."""
    return json.dumps(_json_types(data), indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False)


def _json_types(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _json_types(v) for k, v in value.items()}
    if hasattr(value, "tolist"):  # of numpy
        return _json_types(value.tolist())
    if isinstance(value, date):
        return value.isoformat() if value == value else None  # NaT is unlike itself
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return [_json_types(v) for v in value]


def show(rows: Iterable[Mapping[str, Cell]], *, right: Iterable[str] = (), whole: Iterable[str] = ()) -> None:
    """A table on standard output; nothing for no rows.

    Parameters
    ----------
    rows : iterable of mapping
        Column -> cell, the same columns in each row. Cells are data: nothing in them is obeyed.
    right : iterable of str
        Columns of numbers.
    whole : iterable of str
        Columns that are not broken over lines, as ids.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    listed = list(rows)
    if not listed:
        return
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, force_jupyter=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED
    if console.width < _NARROW:
        for row in listed:
            for name, cell in row.items():
                _write(console, _text([(f"{name}: ", "bold"), *_pieces(cell)]))
            print()
        return
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    numbers, unbroken = set(right), set(whole)
    for name in listed[0]:
        table.add_column(
            name,
            justify="right" if name in numbers else "left",
            no_wrap=name in unbroken or name in numbers,
            overflow="fold",
        )
    for row in listed:
        table.add_row(*(_text(_pieces(cell)) for cell in row.values()))
    _write(console, table)


def _write(console: Any, what: Any) -> None:
    if console.is_terminal:
        console.print(what)
        return
    with console.capture() as held:
        console.print(what)
    # a table fills its lines with blanks, which a pipe has no use for
    print("\n".join(line.rstrip() for line in held.get().rstrip("\n").split("\n")))


def _pieces(cell: Cell) -> Pieces:
    if cell is None:
        return [("–", "")]
    if isinstance(cell, str):
        return [(one_line(cell), "")]
    if isinstance(cell, int | float):
        return [(f"{cell:,}", "")]
    return [(plain(text.replace("\n", " ").replace("\t", " ")), style) for text, style in cell]


def _text(pieces: Pieces) -> Any:
    from rich.text import Text

    text = Text()
    for piece, style in pieces:
        text.append(piece, style=style or None)
    return text
