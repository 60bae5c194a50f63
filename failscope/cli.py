"""The same verbs for a shell and for CI: hides exit codes, and how a text reaches a terminal without moving its cursor."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from failscope.errors import ArgumentError, FailscopeError, NotAWorkspaceError

app = typer.Typer(
    name="failscope",
    help="Failure analysis of language-model outputs. Exit code 0: done; 2: it cannot be done, and one line says why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a text of ours may hold brackets
)

_KEPT = {"\n", "\t"}
_DATABASE = "failscope.db"


def _version(asked: bool) -> None:
    if asked:
        from failscope import __version__

        typer.echo(f"failscope {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Failure analysis of language-model outputs. Exit code 0: done; 2: it cannot be done, and one line says why."""


@app.command()
def report(
    workspace: Annotated[str, typer.Argument(help="The workspace's folder, or its postgresql:// address.")],
    review: Annotated[str, typer.Argument(help="The review's name, as 2026-W23.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write it: report.html or report.md.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure of it as JSON.")] = False,
    now: Annotated[
        str | None, typer.Option(help="When it says that it was made; the same one gives the same bytes.")
    ] = None,
) -> None:
    """Write what a review found on one page. Without -o and --json it is printed as Markdown."""
    with _said():
        from failscope.workspace import Workspace

        if "://" not in workspace and not (Path(workspace).expanduser() / _DATABASE).is_file():
            raise NotAWorkspaceError(f"{workspace} is no workspace: it has no {_DATABASE}; check the path")
        if output is not None and output.suffix.lower() not in {".html", ".htm", ".md"}:
            raise ArgumentError(
                f"-o {output.name!r} ends with no known suffix; name it report.html or report.md"
            )
        made = Workspace(workspace).report(review, now=now)
        if output is not None:
            made.save(output)
            typer.echo(f"written: {plain(str(output))}", err=as_json)
        if as_json:
            typer.echo(json.dumps(made.data, indent=2, sort_keys=True))  # ASCII: every other sign is escaped
        elif output is None:
            typer.echo(plain(made.markdown))


def plain(text: str) -> str:
    """A text with nothing that a terminal obeys: what cannot be printed becomes U+FFFD, odd blanks become blanks.

    Examples
    --------
    >>> plain("a\\x1b[2Jb") == "a\\ufffd[2Jb"
    True
    """
    return "".join(c if c in _KEPT or c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


@contextmanager
def _said() -> Iterator[None]:
    """One line on the error stream and exit code 2 for what we know; everything else is a fault of ours and shows itself."""
    try:
        yield
    except FailscopeError as error:
        sentence = plain(" ".join(str(error).split()))
        print(f"failscope: {sentence}", file=sys.stderr)
        raise typer.Exit(2) from error
