"""A report's facts as one HTML file and as Markdown: hides templates, escaping, and what keeps a page from loading anything."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from failscope.report import drawings
from failscope.report.words import between, count, figure, listed, minute, percent

if TYPE_CHECKING:
    import jinja2

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$^=:@-])")
_LINK = re.compile(r"(?i)\b(www)\.")


def html_page(data: Mapping[str, Any]) -> str:
    """The whole page; every text is escaped, and its policy lets it load and run nothing."""
    from markupsafe import Markup

    style = _template("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    modes = data["prevalence"]["modes"]
    top = drawings.top_of(
        [v for r in modes for v in (r["estimate"], r["naive"])] + [_middle(r["high"]) for r in modes]
    )
    parts = data["prevalence"]["clusters"]
    drawn = {
        "strip": lambda row, top: Markup(
            drawings.strip(row["low"], row["high"], estimate=row["estimate"], naive=row.get("naive"), top=top)
        ),
        "scale": lambda top: Markup(drawings.scale(top)),
        "trend": lambda points, top: Markup(drawings.trend(points, top=top)),
        "curve": lambda stop: Markup(drawings.discovery(stop["curve"], below=stop["below"])),
    }
    return (
        _environment(escaped=True)
        .get_template("report.html")
        .render(
            data=data,
            style=Markup(style),  # its own bytes: the policy names their hash
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            top=top,
            top_trend=drawings.top_of(
                [_middle(p["high"]) for r in modes for p in r["trend"] if p["estimate"] is not None]
            ),
            top_clusters=drawings.top_of([p["high"] for p in parts if p["shown"]]),
            **drawn,
        )
    )


def markdown_page(data: Mapping[str, Any]) -> str:
    """The same as Markdown; texts are escaped or set as code, so that none makes a link, an image or a heading."""
    said = _environment(escaped=False).get_template("report.md").render(data=data)
    return re.sub(r"\n{3,}", "\n\n", said).strip() + "\n"


def literal(text: Any) -> str:
    """A text that Markdown shows as it is.

    Examples
    --------
    >>> literal("![x](http://e.example) | <b>")
    '\\\\!\\\\[x\\\\]\\\\(http\\\\://e.example\\\\) \\\\| \\\\<b\\\\>'
    """
    return _LINK.sub(r"\1\\.", _SPECIAL.sub(r"\\\1", " ".join(str(text).split())))


def code(text: Any) -> str:
    """A text as a code span, whose fence is longer than any run of backticks in it."""
    said = " ".join(str(text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", said)), default=0))
    pad = " " if said.startswith("`") or said.endswith("`") else ""
    return f"{fence}{pad}{said}{pad}{fence}" if said else "(empty)"


def _middle(high: float | None) -> float | None:
    """A long interval is cut at the end of the scale, where an arrow says so, and does not make all others short."""
    return None if high is None else min(high, 0.5)


@cache
def _environment(*, escaped: bool) -> jinja2.Environment:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "percent": percent,
        "figure": figure,
        "listed": listed,
        "minute": minute,
        "literal": literal,
        "code": code,
    }
    made.globals |= {"between": between, "count": count}
    return made


@cache
def _template(name: str) -> str:
    return (files("failscope.report") / "templates" / name).read_text(encoding="utf-8")
