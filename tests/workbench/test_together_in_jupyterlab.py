"""Two people at one review: two JupyterLabs, two browsers' pages, one workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import failscope as fs
from tests.conftest import ROOT
from tests.workbench import lab as jupyter
from tests.workbench.lab import Lab, need_browser
from tests.workbench.test_in_jupyterlab import CONTRAST, SETUP, Review

pytestmark = pytest.mark.browser

SEEN = 2_000  # milliseconds in which a word of one person is on the other's screen
HOSTILE = "<img src=x onerror='window.hacked = 1'>\u202e"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 300 of the sample's outputs, clustered."""
    need_browser()
    root = tmp_path_factory.mktemp("together")
    frame = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz").frame.head(300).reset_index()
    ws = fs.Workspace(root / "ws")
    ws.add(fs.Traces.from_frame(frame[["trace_id", "input", "output", "thumbs"]], signals={"thumbs": "good"}))
    ws.save_clustering("all", fs.cluster(ws.traces(), projector="pca", progress=False))
    return root


@pytest.fixture(scope="module")
def labs(folder: Path) -> Iterator[dict[str, Lab]]:
    """A Lab for each of the two."""
    with Lab(folder) as one, Lab(folder) as two:
        yield {"ana": one, "ben": two}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    need_browser()
    with jupyter.browser() as one:
        yield one


class Both:
    """A review, and each person's workbench once it is open."""

    def __init__(self, session: fs.Session, show: Callable[[str], Review]) -> None:
        self.session = session
        self.show = show


@pytest.fixture
def review(
    labs: dict[str, Lab], folder: Path, browser: Any, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Both]]:
    """Start a review that everybody reads all of, and open it for one person or the other."""
    name = request.node.name.removeprefix("test_")[:60]
    thrown: list[str] = []
    pages = []

    def start(**kwargs: Any) -> Both:
        ws = fs.Workspace(folder / "ws")
        plan = fs.plan_review(ws.clustering("all"), budget=8)
        session = ws.start_review(name, plan, reviewers=["ana", "ben"], **{"overlap": 1.0, **kwargs})

        def show(who: str) -> Review:
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            pages.append(page)
            page.on("pageerror", lambda error: thrown.append(error.stack or ""))
            cells = [
                SETUP.format(path=str(folder / "ws"), name=name),
                f"bench = fs.Workbench(session, reviewer={who!r})\nbench",
            ]
            made = Review(labs[who], page, labs[who].notebook(f"{name}-{who}.ipynb", cells))
            made.open()
            made.lab.run_all(page)
            made.wait()
            return made

        return Both(session, show)

    yield start
    for lab in labs.values():
        lab.stop_kernels()
    for page in pages:
        page.close()
    assert not [stack for stack in thrown if "blob:" in stack]


def differ(session: fs.Session, n: int) -> list[str]:
    ids = session.plan.frame["trace_id"].tolist()[:n]
    for trace_id in ids:
        session.annotate(trace_id, reviewer="ana", failure_modes=["vague"], note=HOSTILE)
        session.annotate(trace_id, reviewer="ben", failure_modes=["too long"], note="four paragraphs")
    return ids


def test_each_sees_the_others_progress_within_two_seconds_and_nothing_is_overwritten(review):
    both = review()
    ana, ben = both.show("ana"), both.show("ben")
    seen = "document.querySelector('.fs-others').textContent.includes({!r})"
    assert "ben 0 of 8" in ana.page.locator(".fs-others").inner_text()
    trace = ana.trace
    ben.lab.kernel(ben.notebook, f"bench.open({trace!r})")
    ben.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace === {trace!r}")
    ana.root.focus()
    ana.press("0")
    ana.saved()
    ben.page.wait_for_function(seen.format("ana 1 of 8"), timeout=SEEN)
    ben.page.wait_for_selector(".fs-reason:has-text('second opinion')", timeout=15_000)
    ben.root.focus()
    ben.press("t")
    ben.page.keyboard.type("vague")
    ben.press("Enter")
    ben.saved()
    ana.page.wait_for_function(seen.format("ben 1 of 8"), timeout=SEEN)
    ana.page.wait_for_selector(".fs-tags >> text=vague")
    # ana's own word stands on her screen as it was, and in the store each has their own
    assert ana.page.locator(".fs-tag-fine").get_attribute("aria-pressed") == "true"
    said = both.session.disagreements().loc[trace, "said"]
    assert said == {"ana": [], "ben": ["vague"]}
    ana.root.focus()
    ana.press("o")
    rows = ana.page.locator(".fs-people tbody tr").all_inner_texts()
    assert rows[0].startswith("ana (you)")
    assert "1 of 8" in rows[1]
    assert ana.page.evaluate(CONTRAST) == []


def test_differences_are_settled_by_keyboard_with_a_reason(review):
    both = review(rubric="default")
    ids = differ(both.session, 2)
    both.session.annotate(ids[0], reviewer="ana", scores={"relevance": 2})
    both.session.annotate(ids[0], reviewer="ben", scores={"relevance": 5})
    ana = both.show("ana")
    ana.press("Shift+D")
    ana.page.wait_for_selector(".fs-settle:not([hidden])")
    assert ana.trace == ids[0]
    assert ana.page.locator(".fs-position").inner_text() == "1 of 2 to settle"
    cards = ana.page.locator(".fs-saying").all_inner_texts()
    assert "ana (you)" in cards[0]
    assert "vague" in cards[0]
    assert "relevance: 2" in cards[0]
    assert HOSTILE.replace("\u202e", "U+202E") in cards[0]
    assert ana.page.evaluate("window.hacked") is None
    assert "too long" in cards[1]
    assert ana.page.evaluate(CONTRAST) == []
    assert ana.page.locator(".fs-judge:visible").count() == 1  # her own tags are out of the way
    ana.press("n", "Enter")
    ana.page.wait_for_function(
        "document.querySelector('.fs-status').textContent.includes('Choose what shall hold')"
    )
    ana.root.focus()
    ana.press("2", "n", "Enter")
    ana.page.wait_for_function(
        "document.querySelector('.fs-status').textContent.includes('needs its reason')"
    )
    assert both.session.disagreements()["settled"].sum() == 0
    ana.page.keyboard.type("one paragraph was asked for: 1 0 j")
    ana.press("Shift+Enter")
    ana.page.wait_for_function("document.querySelector('.fs-status').textContent.includes('settled, 1 left')")
    ana.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace === {ids[1]!r}")
    ana.press("0", "n")
    ana.page.keyboard.type("both are fine")
    ana.press("Enter")
    ana.page.wait_for_selector(".fs-sheet[data-kind=next]:not([hidden])")
    held = both.session.disagreements().loc[ids]
    assert held["failure_modes"].tolist() == [["too long"], []]
    assert held["reason"].tolist() == ["one paragraph was asked for: 1 0 j", "both are fine"]
    assert held["by"].tolist() == ["ana", "ana"]
    assert both.session.mark(ids[0], reviewer="ana")["failure_modes"] == ["vague"]
    assert len(ana.lab.cells(ana.page)) == 2
    ana.press("Escape")
    ana.lab.kernel(ana.notebook, f"bench.open({ids[0]!r})")
    ana.page.wait_for_selector(".fs-judge:not(.fs-settle) >> text=settled by ana as too long")


def test_a_blind_review_shows_nothing_of_others_until_it_is_revealed(review):
    both = review(blind=True)
    for trace_id in both.session.plan.frame["trace_id"].tolist()[:4]:
        both.session.annotate(trace_id, reviewer="ben", failure_modes=["bens word"], note="bens note")
    both.session.tag_cluster(0, "bens tag", reviewer="ben")
    ana = both.show("ana")
    assert "blind" in ana.page.locator(".fs-blind").inner_text()
    assert "ben 4 of 8" in ana.page.locator(".fs-others").inner_text()
    ana.press("0")
    ana.saved()
    ana.press("Shift+D")
    ana.page.wait_for_function("document.querySelector('.fs-status').textContent.includes('is blind')")
    for key in ("o", "w", "Shift+N"):
        ana.press(key)
        ana.page.wait_for_timeout(700)
        assert "bens" not in ana.root.inner_html()
    assert ana.page.evaluate(CONTRAST) == []
    ana.press("Escape", "Shift+R")
    ana.page.wait_for_selector(".fs-prompt:not([hidden])")
    ana.press("1", "Escape")  # a number answers no question, and Escape changes nothing
    assert both.session.hides_others
    ana.press("Shift+R", "Enter")
    ana.page.wait_for_selector(".fs-tags >> text=bens word")
    assert ana.page.locator(".fs-blind").is_hidden()
    assert not both.session.hides_others
    assert "bens tag" in ana.page.locator(".fs-clusters").inner_text()
    ana.press("w")
    ana.page.wait_for_selector(".fs-todo >> text=Settle 1 difference")


def test_who_has_nothing_left_is_shown_what_comes_next(review):
    both = review()
    ids = both.session.queue(reviewer="ana")["trace_id"].tolist()
    for trace_id in ids[:-1]:
        both.session.annotate(trace_id, reviewer="ana", failure_modes=["vague"])
    both.session.annotate(ids[0], reviewer="ben", failure_modes=[])
    ana = both.show("ana")
    assert ana.page.locator(".fs-sheet").is_hidden()
    while both.session.progress().loc["ana", "left"] > 0:
        ana.press("g", "0")
        ana.saved()
        ana.page.wait_for_timeout(600)
    ana.press("j")
    ana.page.wait_for_selector(".fs-sheet[data-kind=next]:not([hidden])")
    todo = ana.page.locator(".fs-todo-button")
    todo.filter(has_text="Settle 1 difference").wait_for()
    said = todo.all_inner_texts()
    assert any("Propose cases for the golden set: 7" in s for s in said)
    assert "ben has 7 left" in ana.page.locator(".fs-sheet").inner_text()
    assert ana.page.evaluate(CONTRAST) == []
    before = both.session.revision
    ana.press("0", "t", "u", "p")  # what lies under the sheet is not judged
    assert both.session.revision == before
    ana.press("j", "j", "k", "Enter")  # by the arrows as well as by the number
    ana.page.wait_for_selector(".fs-settle:not([hidden])")
    ana.press("Escape", "w")
    keep = next(k for k, s in enumerate(said, start=1) if "golden" in s)
    ana.press(str(keep))
    ana.page.wait_for_selector(".fs-workbench[data-walk='7']")
    assert "not proposed yet" in ana.page.locator(".fs-walk").inner_text()
    ana.press("p")
    ana.page.keyboard.type("refunds")
    ana.press("Enter")
    ana.page.wait_for_function("document.querySelector('.fs-status').textContent.includes('refunds')")
    assert len(both.session.proposals()) == 1
    ana.page.reload()
    ana.open()
    ana.lab.run_all(ana.page)
    ana.wait()
    ana.page.wait_for_selector(".fs-sheet[data-kind=next]:not([hidden])")


def test_scores_and_names_for_notes_are_given_by_keyboard(review):
    both = review(rubric="default")
    noted = both.session.plan.frame["trace_id"].tolist()[-2:]
    for trace_id in noted:
        both.session.annotate(trace_id, reviewer="ana", note="made up a refund policy")
    ana = both.show("ana")
    trace = ana.trace
    ana.press("s", "1")
    dimension = both.session.rubric.dimensions[0]
    points = ana.page.locator(".fs-point").all_inner_texts()
    assert [p.meaning in text for p, text in zip(dimension.scale, points, strict=True)] == [True] * 5
    assert ana.page.evaluate(CONTRAST) == []
    ana.press("4")
    ana.saved()
    ana.press("2", "5")
    ana.page.wait_for_function("document.querySelector('.fs-judge-row').textContent.includes('Scores 2/')")
    ana.press("Escape", "0")
    ana.page.wait_for_selector(".fs-tag-fine[aria-pressed=true]")
    ana.saved()
    scores = ana.python(f"session.mark({trace!r}, reviewer='ana')['scores']")
    assert scores == {dimension.key: 4, both.session.rubric.dimensions[1].key: 5}
    ana.press("Shift+N")
    ana.page.locator(".fs-todo-button").first.wait_for()
    ana.press("1")
    ana.page.keyboard.type("invented policy")
    ana.press("Enter")
    ana.page.wait_for_selector(".fs-sheet >> text=No note waits", timeout=15_000)
    for trace_id in noted:
        mark = ana.python(f"session.mark({trace_id!r}, reviewer='ana')")
        assert (mark["failure_modes"], mark["read"]) == (["invented policy"], True)


@pytest.mark.parametrize("width", [700, 1600])
def test_sheets_and_the_bar_fit(review, width):
    both = review(blind=False, rubric="customer_support")
    differ(both.session, 2)
    ana = both.show("ana")
    ana.page.set_viewport_size({"width": width, "height": 900})
    ana.page.evaluate("window.jupyterapp.shell.collapseLeft()")
    ana.page.wait_for_timeout(300)
    root = ana.root.bounding_box()
    for keys in (["o"], ["w"], ["Shift+N"], ["Escape", "Shift+D"]):
        ana.press(*keys)
        ana.page.wait_for_timeout(800)
        for name in (".fs-top", ".fs-sheet:not([hidden])", ".fs-settle:not([hidden])"):
            for box in ana.page.locator(name).all():
                assert box.evaluate("e => e.scrollWidth <= e.clientWidth + 1"), (keys, name)
                place = box.bounding_box()
                assert place["x"] + place["width"] <= root["x"] + root["width"] + 1
    nameless = ana.page.evaluate(
        "() => [...document.querySelectorAll('.fs-workbench :is(button, input, select, textarea)')]"
        ".filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim())).map(e => e.outerHTML)"
    )
    assert nameless == []
