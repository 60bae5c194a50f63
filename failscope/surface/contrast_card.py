"""A contrast as HTML: hides how two answers are set side by side, readable in light and dark, hostile text kept text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failscope.surface.cards import FONT, INK, LINE, QUIET, heading, nothing, text

if TYPE_CHECKING:
    from failscope.surface.contrast import Contrast

ASKED = 600
"""Characters of an input that are shown."""

# see-through, so that the theme's own ink stays readable on it; a line below, for who does not see the colours
_HERE = "background: rgba(211,47,47,.2); border-bottom: 2px solid rgba(211,47,47,.8)"
_THERE = "background: rgba(56,142,60,.2); border-bottom: 2px solid rgba(56,142,60,.8)"
_TEXT = "white-space: pre-wrap; overflow-wrap: anywhere"


def contrast_card(pair: Contrast) -> str:
    """Both answers side by side, what only one of them has marked."""
    says = "".join(f"<li style='margin: 2px 0'>{text(s, 200)}</li>" for s in pair.says)
    apart = (
        f"<ul style='margin: 2px 0 0; padding-left: 1.2em'>{says}</ul>"
        if says
        else nothing("Nothing in their behaviour.")
    )
    if pair.same_input:
        near, asked = "The same input.", _asked("Input of both", pair.input)
    else:
        near = (
            f"No passing trace has the same input; this one's is the nearest, cosine {pair.similarity:.2f}."
        )
        asked = ""
    columns = [
        ("This one", pair.trace_id, pair.input, _output(pair.words, pair.output, _HERE)),
        (
            "The nearest passing answer",
            pair.passing_id,
            pair.passing_input,
            _output(pair.passing_words, pair.passing_output, _THERE),
        ),
    ]
    if not any(shared for _, shared in pair.words):
        near += " The two outputs have no passage in common."
    sides = "".join(
        f"<div style='flex: 1 1 320px; min-width: 0; border-top: 1px solid {LINE}; padding-top: 6px'>"
        f"<b>{head}</b> <code style='font-size: 11px; {QUIET}; background: none'>{text(trace_id, 80)}</code>"
        f"{'' if pair.same_input else _asked('Input', question)}{heading('Output')}{output}</div>"
        for head, trace_id, question, output in columns
    )
    return (
        f"<div style='{FONT}; color: {INK}; border: 1px solid {LINE}; border-radius: 6px; padding: 12px 16px; "
        f"max-width: 920px; box-sizing: border-box'>"
        f"<div style='font-size: 16px'><b>Contrast with the nearest passing answer</b></div>"
        f"<div style='{QUIET}'>{near}</div>{heading('Differs most in')}{apart}{asked}"
        f"<div style='display: flex; flex-wrap: wrap; gap: 10px 24px; margin-top: 10px'>{sides}</div></div>"
    )


def _asked(head: str, question: str) -> str:
    shown = text(question, ASKED) if question.strip() else f"<i style='{QUIET}'>empty input</i>"
    return f"{heading(head)}<div dir='auto' style='{_TEXT}'>{shown}</div>"


def _output(words: tuple[tuple[str, bool], ...], output: str, mark: str) -> str:
    if not output.strip():
        return f"<div><i style='{QUIET}'>empty output</i></div>"
    # with nothing in common all would be marked, which tells nobody anything
    parted = any(shared for _, shared in words)
    shown = "".join(
        text(piece, len(piece))
        if shared or not parted
        else f"<mark style='color: inherit; {mark}'>{text(piece, len(piece))}</mark>"
        for piece, shared in words
    )
    rest = len(output) - sum(len(piece) for piece, _ in words)
    more = f"<div style='{QUIET}'>… and {rest:,} more characters</div>" if rest else ""
    return f"<div dir='auto' style='{_TEXT}'>{shown}</div>{more}"
