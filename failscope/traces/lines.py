"""Lines out of bytes: hides compression, byte order marks, encodings and files that break off."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(head: bytes) -> str:
    """The encoding that a byte order mark names, else UTF-8."""
    return next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")


class _Hashing:
    """A file that is hashed as it is read, so that the hash is of the very bytes that were read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.hash.update(data)
        return data


class LogBytes(io.RawIOBase):
    """A file's bytes, unpacked where they are gzip; where the packing is damaged they end there, and say why."""

    def __init__(self, file: BinaryIO) -> None:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self.broken = ""
        self._disk = cast(BinaryIO, _Hashing(file))
        self._file = cast(BinaryIO, gzip.GzipFile(fileobj=self._disk)) if packed else self._disk
        self._ahead = b""

    def readable(self) -> bool:
        return True

    def head(self, size: int) -> bytes:
        while len(self._ahead) < size and (more := self._read(size)):
            self._ahead += more
        return self._ahead[:size]

    def sha256(self) -> str:
        """Of the whole file as it is on the disk, packed or not; what was not read yet is read now."""
        while self._disk.read(1 << 20):
            pass
        return cast(_Hashing, self._disk).hash.hexdigest()

    def readinto(self, buffer: Any) -> int:
        data = self._ahead or self._read(len(buffer))
        self._ahead = data[len(buffer) :]
        data = data[: len(buffer)]
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        if self.broken:
            return b""
        try:
            read1 = getattr(self._file, "read1", self._file.read)
            return read1(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.broken = str(error) or type(error).__name__
            return b""


class Lines:
    """The lines of a text file, numbered from 1 by ``number``; the last one of a file that breaks off is the ``tail``."""

    def __init__(self, source: LogBytes, encoding: str | None, *, for_csv: bool) -> None:
        self.encoding = encoding or encoding_of(source.head(4))
        self._escapes = codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig")
        self._source = source
        # only UTF-8 can carry a damaged byte through decoding, which tells it from a U+FFFD that the log has
        errors = "surrogateescape" if self._escapes else "replace"
        buffered = io.BufferedReader(source, 1 << 20)
        self._text = io.TextIOWrapper(buffered, self.encoding, errors=errors, newline="" if for_csv else "\n")
        self.number = 0
        self.damaged = 0
        self.tail = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.number += 1
            if self._source.broken and not line.endswith(("\n", "\r")):
                self.tail = line
                return
            if self.number == 1:
                line = line.removeprefix("\ufeff")
            yield line if line.isascii() else self._mended(line)

    @property
    def broken(self) -> bool:
        return bool(self._source.broken)

    def _mended(self, line: str) -> str:
        if not self._escapes:
            self.damaged += "\ufffd" in line
            return line
        try:
            line.encode("utf-8")
        except UnicodeEncodeError:
            self.damaged += 1
            return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return line


class Replay:
    """Lines that can be given back, and that know which of them the last record took."""

    def __init__(self, lines: Lines) -> None:
        self._source = lines
        self._lines = enumerate(lines, start=1)
        self._again: list[tuple[int, str]] = []
        self.taken: list[tuple[int, str]] = []
        self.ended = False

    def __iter__(self) -> Replay:
        return self

    def __next__(self) -> str:
        number, line = self._again.pop() if self._again else next(self._lines, (0, ""))
        if not number:
            self.ended = True
            raise StopIteration
        self.taken.append((number, line))
        return line

    @property
    def broken(self) -> bool:
        return self._source.broken

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        self._again.extend(reversed(lines))
        self.ended = False
