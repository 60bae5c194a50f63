"""The same verbs for a shell, for CI and for cron: ``failscope read``, ``cluster``, ``report`` and ``golden``."""

from __future__ import annotations

from typing import Annotated

import typer

from failscope.cli import coverage, curator, golden, weekly
from failscope.cli.outcome import CODES, Command, Verbs
from failscope.cli.terminal import plain

__all__ = ["app", "plain"]

_ABOUT = "Failure analysis of language-model outputs."

# a text of ours may hold brackets, so that no markup is read in it
app = Command(
    name="failscope",
    cls=Verbs,
    help=_ABOUT,
    epilog=CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_golden = typer.Typer(
    name="golden",
    help="Golden sets: look at them, check them, and make versions.",
    epilog=CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(_golden)


def _version(asked: bool) -> None:
    if asked:
        from failscope import __version__

        print(f"failscope {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Failure analysis of language-model outputs."""


app.command(epilog=CODES)(weekly.read)
app.command(epilog=CODES)(weekly.cluster)
app.command(epilog=CODES)(weekly.report)
_golden.command("list", epilog=CODES)(golden.list_)
_golden.command(epilog=CODES)(golden.diff)
_golden.command(epilog=CODES)(golden.verify)
_golden.command(epilog=CODES)(golden.export)
_golden.command(epilog=CODES)(coverage.coverage)
_golden.command(epilog=CODES)(curator.promote)
_golden.command(epilog=CODES)(curator.retire)
_golden.command(epilog=CODES)(curator.merge)
