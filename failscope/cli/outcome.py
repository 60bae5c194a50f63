"""What a command ends with: hides exit codes, the one line that says why, and how warnings and faults are told."""

from __future__ import annotations

import errno
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from failscope.cli.terminal import one_line, plain
from failscope.errors import FailscopeError

DONE, NO, CANNOT, FAULT = 0, 1, 2, 3

CODES = (
    "Exit code 0: done, whole, no difference, enough; 1: the answer is no; "
    "2: it cannot be done, and one line on the error stream says why; 3: a fault of failscope."
)

# of click, which newer versions of typer carry within
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


class Command(typer.Typer):
    """The whole command: a fault of ours shows itself as text, and is told apart from the answer no."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it and leave the process."""
        try:
            return super().__call__(*args, **kwargs)
        except Exception:  # noqa: BLE001  # whatever it is, its message may hold what a model said
            print(plain(traceback.format_exc()), file=sys.stderr)
            sys.exit(FAULT)


class Verbs(TyperGroup):
    """The verbs; a wrong use of one is told in one line too."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a verb, and say a wrong use of it in our way."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError):  # a stand-in that somebody put there
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except _UsageError as error:
            if not standalone_mode:
                raise
            _say_usage(error)
            sys.exit(CANNOT)
        except typer.Abort:
            sys.exit(130)  # as a shell says of a command that was interrupted
        if standalone_mode:
            sys.exit(code or DONE)
        return code


def _say_usage(error: Any) -> None:
    context = error.ctx
    if type(error).__name__ == "NoArgsIsHelpError":
        print(plain(context.get_help()), file=sys.stderr)
        return
    where = f"; see {context.command_path} --help" if context else ""
    said = error.format_message().rstrip(".")
    print(f"failscope: {one_line(said, 2_000)}{where}", file=sys.stderr)


@contextmanager
def said() -> Iterator[None]:
    """One line and exit code 2 for what we know, one line for each warning; everything else is a fault of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _note
        try:
            yield
        except FailscopeError as error:
            print(f"failscope: {one_line(error, 2_000)}", file=sys.stderr)
            raise typer.Exit(CANNOT) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # nobody reads on, as after head
                raise
            where = f"{error.filename}: " if error.filename else ""
            print(f"failscope: {one_line(f'{where}{error.strerror or error}', 2_000)}", file=sys.stderr)
            raise typer.Exit(CANNOT) from error


def answer(yes: bool) -> None:
    """Leave with exit code 1 when the answer is no."""
    if not yes:
        raise typer.Exit(NO)


def on_terminal() -> bool:
    """Whether somebody is looking, so that a bar may be drawn."""
    return sys.stderr.isatty()


def _note(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"failscope: note: {one_line(message, 2_000)}", file=sys.stderr)
