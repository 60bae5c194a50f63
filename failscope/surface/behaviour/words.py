"""Words without a Python loop: hides that every word is a 64-bit hash and every set operation runs over all rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from failscope.surface.behaviour.scan import to_numpy

if TYPE_CHECKING:
    from failscope.surface.behaviour.scan import Scan

# words that carry no claim of their own, in the four languages that the phrases know
STOP_WORDS = """
the and for that this with you your are was were have has had not but from they them their there here will would can
could should may might must shall about into over then than also just only very more most some any all each other
which who whom whose what when where why how its our out one two been being does did doing because while such
der die das den dem des ein eine einen einem einer und oder aber nicht ist sind war waren wird werden wurde hat haben
ich wir ihr sie mit auf für von aus bei nach über auch noch nur wie wenn dass als zum zur sich kann können
los las una uno unos unas del que con por para como más pero sus este esta estos estas son fue ser está están hay muy
sin sobre entre también cuando donde puede pueden
les des une dans est sont pour par avec sur pas qui mais plus vous nous votre notre cette ces ses aux été être
avoir fait comme tout tous leur leurs peut peuvent
"""

_CHUNK_BYTES = 750_000  # keeps hash tables and intermediate arrays in the processor's cache
_ROWS_AT_ONCE = 20_000
_GRAM = 4  # words in a row: shorter runs repeat in sound prose too
_NOTHING, _LINE_FEED = pa.scalar("", type=pa.large_string()), pa.scalar("\n", type=pa.large_string())
_ODD = np.uint64(0x9E3779B97F4A7C15)

_rng = np.random.Generator(np.random.PCG64(20))  # a fixed table: the same word has the same hash in every run
_BYTE_CODE = _rng.integers(1, 2**63, size=256, dtype=np.uint64)
_POWERS = np.cumprod(np.concatenate([[1], np.full(63, 0x100000001B3)]).astype(np.uint64), dtype=np.uint64)

_IS_WORD = np.zeros(256, dtype=bool)
_IS_WORD[[*range(48, 58), *range(65, 91), *range(97, 123), *range(128, 256)]] = True
_IS_DIGIT = np.zeros(256, dtype=bool)
_IS_DIGIT[48:58] = True


@dataclass(frozen=True, eq=False)
class Words:
    """Words of many rows in reading order: their hash, row, length in bytes and whether they start with a digit."""

    hash: np.ndarray
    row: np.ndarray
    size: np.ndarray
    ideograph: np.ndarray


@dataclass(frozen=True, eq=False)
class WordFigures:
    """Per row (n,) float32; a share of nothing is 0.

    ``count`` words of the output; ``distinct`` share of distinct words; ``repeated`` share of the output's 4-word runs
    that stood there before; ``echo`` share of them that the input has; ``prompt_runs`` share that the system prompt has;
    ``from_context`` share of the output's distinct content words that the context has; ``unsupported`` share that
    neither context nor input has (0 without context); ``input_covered`` share of the input's distinct content words
    that the output has; ``similarity`` cosine of the two sets of content words; ``new_numbers`` numbers of two or
    more digits in the output that neither context nor input has (0 without context).
    """

    count: np.ndarray
    distinct: np.ndarray
    repeated: np.ndarray
    echo: np.ndarray
    prompt_runs: np.ndarray
    from_context: np.ndarray
    unsupported: np.ndarray
    input_covered: np.ndarray
    similarity: np.ndarray
    new_numbers: np.ndarray


def word_figures(scan: Scan) -> WordFigures:
    """The figures of a scan's rows, in chunks of a few megabytes; a row's figures depend on no other row."""
    columns = {name: scan.lower(name) for name in ("output", "input", "context", "system_prompt")}
    sizes = sum(to_numpy(pc.binary_length(texts)) for texts in columns.values())
    ends = (
        np.flatnonzero(np.diff(np.cumsum(sizes) // _CHUNK_BYTES, append=-1)) + 1
        if scan.n
        else np.array([], int)
    )
    parts = []
    start = 0
    for end in ends:
        parts.append(_figures({name: texts.slice(start, end - start) for name, texts in columns.items()}))
        start = end
    table = np.concatenate(parts, axis=1) if parts else np.zeros((10, 0))
    return WordFigures(*table.astype(np.float32))


def joined(parts: Sequence[WordFigures]) -> WordFigures:
    """The figures of rows that were read in parts."""
    return WordFigures(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(WordFigures))
    )


def _figures(columns: dict[str, pa.Array]) -> np.ndarray:
    n = len(columns["output"])
    out, inp, context = (split_words(columns[name]) for name in ("output", "input", "context"))
    has_context = np.bincount(context.row, minlength=n) > 0

    count = _per_row(out.row, n)
    distinct = _per_row(out.row[_first(keyed(out.hash, out.row))], n)

    gram, gram_row = _runs(out)
    grams = _per_row(gram_row, n)
    repeated = grams - _per_row(gram_row[_first(gram)], n)
    echo = _per_row(gram_row[among(gram, _runs(inp)[0])], n)
    prompt = split_words(columns["system_prompt"])
    prompt_runs = _per_row(gram_row[among(gram, _runs(prompt)[0])], n) if len(prompt.hash) else np.zeros(n)

    content, content_row = _content(out)
    asked, asked_row = _content(inp)
    given, _ = _content(context)
    contents = _per_row(content_row, n)
    in_input = among(content, asked)
    in_context = among(content, given)
    from_context = _per_row(content_row[in_context], n)
    unsupported = _per_row(content_row[~in_context & ~in_input], n)
    shared = _per_row(content_row[in_input], n)
    asked_count = _per_row(asked_row, n)

    return np.stack(
        [
            count,
            _share(distinct, count),
            _share(repeated, grams),
            _share(echo, grams),
            _share(prompt_runs, grams),
            _share(from_context, contents),
            np.where(has_context, _share(unsupported, contents), 0),
            _share(shared, asked_count),
            _share(shared, np.sqrt(contents * asked_count)),
            _new_numbers(columns, has_context, n),
        ]
    )


def split_words(texts: pa.Array) -> Words:
    """Words of lower-case texts: runs of letters and digits; an ideograph or kana is a word of its own."""
    if len(texts) <= _ROWS_AT_ONCE:
        return _split_words(texts)
    # what is counted for each byte on the way takes twenty times the text
    starts = range(0, len(texts), _ROWS_AT_ONCE)
    parts = [_split_words(texts.slice(start, _ROWS_AT_ONCE)) for start in starts]
    return Words(
        hash=np.concatenate([part.hash for part in parts]),
        row=np.concatenate([part.row + start for part, start in zip(parts, starts, strict=True)]),
        size=np.concatenate([part.size for part in parts]),
        ideograph=np.concatenate([part.ideograph for part in parts]),
    )


def _split_words(texts: pa.Array) -> Words:
    data, row_of_start = _joined(texts)
    word = _IS_WORD[data]
    # multi-byte punctuation and symbols: U+0080-00BF, U+2000-2FFF, U+3000-303F
    for lead, width in ((0xC2, 2), (0xE2, 3)):
        for step in range(width):
            word[_shift(np.flatnonzero(data == lead), step, len(data))] = False
    leads = np.flatnonzero((data[:-1] == 0xE3) & (data[1:] == 0x80))
    for step in range(3):
        word[_shift(leads, step, len(data))] = False
    ideograph = word & (data >= 0xE3) & (data <= 0xE9)
    begins = word.copy()
    begins[1:] &= ~word[:-1] | ideograph[1:]
    begins[3:] |= word[3:] & ideograph[:-3]
    return _tokens(data, word, begins, ideograph, row_of_start)


def _new_numbers(columns: dict[str, pa.Array], has_context: np.ndarray, n: int) -> np.ndarray:
    if not has_context.any():
        return np.zeros(n)
    out, inp, context = (_split_numbers(columns[name]) for name in ("output", "input", "context"))
    keep = has_context[out.row] & (out.size >= 2)
    keys, row = keyed(out.hash, out.row)[keep], out.row[keep]
    known = np.concatenate([keyed(inp.hash, inp.row), keyed(context.hash, context.row)])
    new = ~among(keys, known) & _first(keys)
    return _per_row(row[new], n)


def _split_numbers(texts: pa.Array) -> Words:
    """Numbers, with a thousands separator taken out, so that 1,200 and 1200 are the same."""
    texts = pc.replace_substring_regex(texts, r"(\d)[,'  ](\d{3})\b", r"\1\2")
    data, row_of_start = _joined(texts)
    digit = _IS_DIGIT[data]
    number = digit.copy()
    number[1:-1] |= (data[1:-1] == ord(".")) & digit[:-2] & digit[2:]
    begins = number.copy()
    begins[1:] &= ~number[:-1]
    return _tokens(data, number, begins, np.zeros(len(data), dtype=bool), row_of_start)


def _joined(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """All bytes, each row ended by a line feed, and where each row starts."""
    rows = pc.binary_join_element_wise(texts, _NOTHING, _LINE_FEED)
    offsets = np.frombuffer(rows.buffers()[1], dtype=np.int64)[rows.offset : rows.offset + len(rows) + 1]
    data = np.frombuffer(rows.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data, (offsets - offsets[0])[:-1]


def _tokens(
    data: np.ndarray, member: np.ndarray, begins: np.ndarray, ideograph: np.ndarray, row_starts: np.ndarray
) -> Words:
    starts = np.flatnonzero(begins)
    where = np.flatnonzero(member)
    first = (
        np.cumsum(member, dtype=np.int32)[starts] - 1
    )  # the rank of each token's first byte among all tokens' bytes
    size = np.diff(first, append=np.int32(len(where)))
    inside = np.minimum(np.arange(len(where), dtype=np.int32) - np.repeat(first, size), len(_POWERS) - 1)
    codes = _BYTE_CODE[data[where]] * _POWERS[inside]
    hashed = np.add.reduceat(codes, first) if len(first) else np.zeros(0, dtype=np.uint64)
    # a row's tokens are those that begin between its start and the next row's
    before = np.concatenate([[0], np.cumsum(begins, dtype=np.int32)])[row_starts]
    row = np.repeat(np.arange(len(row_starts)), np.diff(before, append=len(starts)))
    return Words(hash=_mixed(hashed), row=row, size=size, ideograph=ideograph[starts])


def _content(words: Words) -> tuple[np.ndarray, np.ndarray]:
    """Distinct content words of each row as (row-keyed hashes, rows): three bytes or more, not a stop word."""
    keep = ((words.size >= 3) | words.ideograph) & ~among(words.hash, stop_hashes())
    keys, row = keyed(words.hash, words.row)[keep], words.row[keep]
    first = _first(keys)
    return keys[first], row[first]


def _runs(words: Words) -> tuple[np.ndarray, np.ndarray]:
    """Every run of ``_GRAM`` words within a row as (row-keyed hashes, rows)."""
    if len(words.hash) < _GRAM:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    m = len(words.hash) - _GRAM + 1
    mixed = np.zeros(m, dtype=np.uint64)
    for step in range(_GRAM):
        mixed = mixed * _ODD + words.hash[step : step + m]
    row = words.row[:m]
    inside = row == words.row[_GRAM - 1 :]
    return keyed(_mixed(mixed), row)[inside], row[inside]


_stop: list[np.ndarray] = []


def stop_hashes() -> np.ndarray:
    """The hashes of ``STOP_WORDS``."""
    if not _stop:
        _stop.append(split_words(pa.array([STOP_WORDS], type=pa.large_string())).hash)
    return _stop[0]


def _mixed(hashes: np.ndarray) -> np.ndarray:
    hashes = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return hashes ^ (hashes >> np.uint64(29))


def keyed(hashes: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Hashes made unlike between rows, so that one set operation serves all rows."""
    return hashes ^ _mixed((row.astype(np.uint64) + np.uint64(1)) * _ODD)


def _first(keys: np.ndarray) -> np.ndarray:
    return ~pd.Series(keys).duplicated().to_numpy()


def among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """True where a key is one of those known."""
    if not len(keys) or not len(known):
        return np.zeros(len(keys), dtype=bool)
    return pd.Series(keys).isin(known).to_numpy()


def _per_row(row: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(row, minlength=n).astype(np.float64)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _shift(where: np.ndarray, step: int, size: int) -> np.ndarray:
    where = where + step
    return where[where < size]


def content_keys(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Content words of each row as (hashes, rows), rows ascending; a word has the same hash in every row."""
    words = split_words(texts)
    keep = ((words.size >= 3) | words.ideograph) & ~among(words.hash, stop_hashes())
    return words.hash[keep], words.row[keep]
