"""What golden sets show of themselves as HTML, full of hostile text, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import failscope as fs
from tests.workbench import lab

pytestmark = pytest.mark.browser

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    '"><svg onload=window.hacked=3>',
    "</td></table><style>*{display:none}</style><a href='javascript:window.hacked=4'>click</a>",
    "`${window.hacked = 5}` {{ window.hacked }} <!-- --> <![CDATA[ ]]>",
    "\u202egnp.exe \u2066 \x1b[2J \x00 ' \" & &amp; &#60;script&#62;",
    "<iframe srcdoc='<script>parent.hacked = 6</script>'></iframe>",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    lab.need_browser()
    with lab.browser() as one:
        yield one


@pytest.fixture
def cards(tmp_path, traces) -> dict[str, str]:
    """Every card of a golden set in which each text attacks."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            "trace_id": [f"t{n}" for n in range(len(HOSTILE))],
            "timestamp": pd.Timestamp("2026-06-01", tz="UTC")
            + pd.to_timedelta(range(len(HOSTILE)), unit="h"),
            "input": [f"question {n}: {h}" for n, h in enumerate(HOSTILE)],
            "output": HOSTILE,
            "context": HOSTILE[::-1],
            "model": HOSTILE,
            "prompt_version": HOSTILE,
            "user_id": HOSTILE,
        }
    )
    ws = fs.Workspace(tmp_path / "ws")
    ws.add(traces)
    ws.add(fs.Traces.from_frame(frame))
    ids = frame["trace_id"].tolist()
    for trace_id, text in zip(ids, HOSTILE, strict=True):
        ws.propose("hard", [trace_id], reviewer="<b>ana</b>", reason=text)
    desk = ws.desk("hard")
    for trace_id, text in zip(ids, HOSTILE, strict=True):
        desk.edit(
            trace_id,
            by="<i>cleo</i>",
            reason=text,
            expected_output=f"{text} jo@example.com",
            criteria=[{"type": "contains", "value": text.replace("\x00", "")}],
        )
    desk.send_back(ids[:1], by="cleo", question=HOSTILE[0])
    shown = {"desk": desk._repr_html_(), "gate": desk.check()._repr_html_()}
    shown["masking"] = desk.mask(ids[1], by="cleo")._repr_html_()
    waive = dict.fromkeys(("personal", "duplicate", "expected"), HOSTILE[1])
    first = ws.promote("hard", curator="cleo", reason=HOSTILE[2], waive=waive)
    desk.edit(ids[2], by="cleo", reason="again", expected_output=HOSTILE[3])
    second = ws.promote("hard", curator="cleo", reason=HOSTILE[3], waive=waive)
    third = ws.retire("hard", [second.rows.ids[0]], curator="cleo", reason=HOSTILE[4])
    shown |= {
        "set": first._repr_html_(),
        "changes": second.diff()._repr_html_() + third.diff()._repr_html_() + first.diff()._repr_html_(),
        "provenance": "".join(second.provenance(i)._repr_html_() for i in second.rows.ids),
        "balance": desk.balance()._repr_html_(),
        "coverage": third.coverage(ws.traces(), progress=False)._repr_html_(),
        "audit": ws.audit()._repr_html_(),
        "forgotten": ws.forget(user_id=HOSTILE[5])._repr_html_(),
    }
    assert all(shown.values())
    return shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_card_runs_what_an_output_says_and_each_can_be_read(browser, cards, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (asked.append("dialog"), dialog.dismiss()))
    for name, html in cards.items():
        page.set_content(
            f"<!doctype html><meta charset=utf-8><body><main>{html}</main><p id=after>after</p></body>"
        )
        page.wait_for_timeout(50)
        assert page.evaluate("window.hacked") is None, name
        assert (
            page.evaluate(
                "document.querySelectorAll('main :is(script, iframe, object, embed, a[href^=javascript])').length"
            )
            == 0
        ), name
        assert page.evaluate(
            "[...document.querySelectorAll('main *')].every(e => ![...e.attributes].some(a => a.name.startsWith('on')))"
        ), name
        assert page.locator("#after").is_visible(), name  # no style of an output hid the rest
        assert page.locator("main").inner_text().strip(), name
    assert asked == []
    context.close()
