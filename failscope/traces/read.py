"""From wherever a log is to the trace table: hides files, folders, formats and their names behind one verb."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from failscope.errors import ArgumentError, ColumnError, DataError, NotFoundError
from failscope.traces.clean import Part, Rejection, assemble, clean_frame
from failscope.traces.formats import FORMATS, SUFFIXES, Format, read_file
from failscope.traces.table import Direction, Traces

OTHER_FILES = "files of other kinds in the folder, left out"
LINKS_OUT = "links in the folder that lead to other files, left out"


def read(
    source: pd.DataFrame | str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    columns: Mapping[str, str] | None = None,
    signals: Mapping[str, Direction] | None = None,
    format: Format = "auto",  # noqa: A002 - the word that a user would look for
    tz: str = "UTC",
    encoding: str | None = None,
    progress: bool = True,
) -> Traces:
    """Read a log of model outputs as ``Traces``.

    Parameters
    ----------
    source : DataFrame, path, list of paths, or folder
        CSV, TSV, JSONL, JSON or Parquet; the text formats also packed with gzip. Of a folder every such file
        is read, in the order of their names.
    columns : mapping, optional
        Ours -> theirs, as in ``{"input": "prompt"}``. It wins over the well-known aliases.
    signals : mapping, optional
        Column -> ``"good"`` or ``"bad"``, what a high value means. It is added to the well-known ones.
    format : {"auto", "csv", "jsonl", "json", "parquet"}
        "auto" goes by each file's name and first bytes.
    tz : str
        The time zone of timestamps that name none.
    encoding : str, optional
        Of text files; the default is what the byte order mark says, else UTF-8.
    progress : bool
        Show a bar where several files are read.

    Returns
    -------
    Traces
        With ``source_file``, ``source_line`` and ``source_sha256`` for each row: the file's name, the line the
        row starts on (the row number for Parquet), and the hash of the file as it is on the disk, packed or
        not. A DataFrame has no hash. What could not be read is in ``.rejected``, what was mended is counted in ``.notes``.

    Raises
    ------
    NotFoundError
        No such file or folder.
    DataError
        Nothing in it can be read.
    ColumnError
        No column is an input or an output, or a name given here is not in the log.

    Examples
    --------
    >>> log = pd.DataFrame({"question": ["hi"], "answer": ["hello"], "thumbs": ["up"]})
    >>> traces = read(log)
    >>> traces.frame["output"].tolist(), traces.signals
    (['hello'], {'thumbs': 'good'})
    """
    if format not in FORMATS:
        raise ArgumentError(f"format={format!r} is not one of {', '.join(map(repr, FORMATS))}")
    if encoding is not None:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ArgumentError(
                f"encoding={encoding!r} is not known to Python; write it as 'cp1252'"
            ) from error
    if isinstance(source, pd.DataFrame):
        return clean_frame(source, columns=columns, signals=signals, tz=tz)
    notes: Counter[str] = Counter()
    files = _files(source, notes)
    parts: list[Part] = []
    rejected: list[Rejection] = []
    for name, path in _bar(files, progress):
        try:
            part, refused = read_file(path, name=name, format=format, encoding=encoding, notes=notes)
        except ColumnError:
            raise
        except DataError as error:
            if len(files) == 1:
                raise
            # one bad file does not cost a folder
            part, refused = None, [(name, 0, str(error), "")]
        rejected += refused
        if part is not None:
            parts.append(part)
        elif not refused:
            rejected.append((name, 0, "the file holds no rows", ""))
    if not parts:
        _, line, reason, raw = rejected[0]
        told = (
            f"{rejected[0][0]}: {reason}"
            if not line
            else f"line {line} of {rejected[0][0]}: {reason}: {raw[:80]!r}"
        )
        raise DataError(
            f"nothing could be read from {len(files):,} file{'s' if len(files) > 1 else ''}; the first trouble is {told}"
        )
    return assemble(parts, columns=columns, signals=signals, tz=tz, rejected=rejected, notes=notes)


def _files(source: object, notes: Counter[str]) -> list[tuple[str, Path]]:
    """Each file to read with the name that the traces will carry: never a path of this machine."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        _check_there(path)
        if not path.is_dir():
            return [(path.name if path.is_absolute() else path.as_posix(), path)]
        found = sorted(
            p
            for p in path.rglob("*")
            if p.is_file() and not any(x.startswith(".") for x in p.relative_to(path).parts)
        )
        # a link that leads elsewhere is not of this folder, and one to a file of it would read that file twice
        inside = [p for p in found if p.resolve() == path.resolve() / p.relative_to(path)]
        if len(found) > len(inside):
            notes[LINKS_OUT] += len(found) - len(inside)
            found = inside
        logs = [p for p in found if Path(p.name.lower().removesuffix(".gz")).suffix in SUFFIXES]
        if not logs:
            raise DataError(
                f"the folder {str(path)!r} holds no log; the files that are read end in {', '.join(SUFFIXES)} (and .gz)"
            )
        if len(found) > len(logs):
            notes[OTHER_FILES] += len(found) - len(logs)
        return [(p.relative_to(path).as_posix(), p) for p in logs]
    if not isinstance(source, Iterable) or isinstance(source, bytes | Mapping):
        raise ArgumentError(
            f"read() takes a DataFrame, a path, a list of paths or a folder, not {type(source).__name__}"
        )
    given = list(source)
    if not given:
        raise ArgumentError("read() got an empty list; pass at least one path")
    wrong = next((g for g in given if not isinstance(g, str | os.PathLike)), None)
    if wrong is not None:
        raise ArgumentError(
            f"a list of sources holds paths only, not {type(wrong).__name__}; join frames with pandas.concat"
        )
    files = [file for one in given for file in _files(one, notes)]
    twice = [p for p, n in Counter(p.resolve() for _, p in files).items() if n > 1]
    if twice:
        raise ArgumentError(f"the file {twice[0].name!r} is given twice; name each file once")
    if len({name for name, _ in files}) < len(files):
        shared = os.path.commonpath([p.resolve().parent for _, p in files])
        files = [(p.resolve().relative_to(shared).as_posix(), p) for _, p in files]
    return files


def _check_there(path: Path) -> None:
    if path.exists():
        return
    if "://" in str(path) or str(path).startswith(("s3:/", "gs:/", "http:/", "https:/")):
        raise NotFoundError(
            f"{str(path)!r} is an address; download it, or pass the DataFrame that pandas makes of it"
        )
    near: list[str] = []
    if path.parent.is_dir():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=3, cutoff=0.6)
    hint = (
        f"; near it are {', '.join(map(repr, near))}"
        if near
        else f"; paths are taken from {str(Path.cwd())!r}"
    )
    raise NotFoundError(f"no file or folder {str(path)!r}{hint if near or not path.is_absolute() else ''}")


def _bar(files: list[tuple[str, Path]], progress: bool) -> Iterable[tuple[str, Path]]:
    if not progress or len(files) < 2:
        return files
    from tqdm.auto import tqdm

    return tqdm(files, desc="reading", unit="file")
