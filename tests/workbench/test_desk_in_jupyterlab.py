"""The curator's desk as people meet it: in a real JupyterLab, by keyboard and by mouse, over the sample's outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import failscope as fs
from tests.conftest import ROOT
from tests.workbench import lab as jupyter
from tests.workbench.lab import Lab, need_browser
from tests.workbench.test_in_jupyterlab import CONTRAST, HOSTILE, Review

pytestmark = pytest.mark.browser

SEEN = 2_000  # milliseconds in which a word of one person is on the other's screen
SETUP = "import failscope as fs\nws = fs.Workspace({path!r})\ndesk = ws.desk({name!r})"
SHOW = "bench = fs.Workbench(desk, reviewer={who!r})\nbench"
CURATORS = ("cleo", "dora")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 120 of the sample's outputs and a few hostile ones, and who may decide."""
    need_browser()
    root = tmp_path_factory.mktemp("desk")
    frame = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz").frame.head(120).reset_index()
    frame = frame[["trace_id", "timestamp", "input", "output", "context", "model"]]
    bad = pd.DataFrame(
        [
            {
                "trace_id": f"hostile-{k}",
                "input": f"What about {k}?",
                "output": v,
                "context": v[:2000],
                "model": "m",
            }
            for k, v in HOSTILE.items()
        ]
    ).assign(timestamp=frame["timestamp"].iloc[0])
    ws = fs.Workspace(root / "ws")
    ws.add(fs.Traces.from_frame(pd.concat([frame, bad], ignore_index=True)))
    for who in CURATORS:
        ws.set_role(who, "curator", by="cleo")
    ws.set_role("ana", "reviewer", by="cleo")
    return root


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[Lab]:
    with Lab(folder) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    need_browser()
    with jupyter.browser() as one:
        yield one


class Bench(Review):
    """A notebook with a desk, and what a curator does with it."""

    @property
    def case(self) -> str:
        return self.root.get_attribute("data-case")

    @property
    def status(self) -> str:
        return self.root.get_attribute("data-status")

    def says(self, words: str, *, timeout: float = 15_000) -> None:
        """Wait until the status line has these words, and wipe it: the next time they have to be said anew."""
        self.page.wait_for_function(
            "(words) => { const line = document.querySelector('.fs-status'); const said = line.textContent.includes(words);"
            " if (said) line.textContent = ''; return said; }",
            arg=words,
            timeout=timeout,
        )

    def misses(self, words: str) -> None:
        """Wait until the form or the question that is open says what it still needs."""
        self.page.locator(".fs-missing:visible", has_text=words).wait_for()

    def wait_for_case(self, trace_id: str) -> None:
        self.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.case === {trace_id!r}")

    def go(self, trace_id: str) -> None:
        """Open a case from Python."""
        self.lab.kernel(self.notebook, f"bench.open({trace_id!r})")
        self.wait_for_case(trace_id)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def next_case(self) -> str:
        before = self.case
        self.press("j")
        self.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.case !== {before!r}")
        return self.case


class Desks:
    """A golden set's desk, and each person's page once it is open."""

    def __init__(self, desk: fs.golden.desk.Desk, ids: list[str], show: Callable[..., Bench]) -> None:
        self.desk, self.ids, self.show = desk, ids, show

    def status(self, trace_id: str) -> str:
        return self.desk.case(trace_id).status


@pytest.fixture
def desks(
    lab: Lab, folder: Path, browser: Any, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Desks]]:
    """Propose some cases for a set of this test's own, and open its desk for one person or another."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.removeprefix("test_"))[:50].strip("-")
    thrown: list[str] = []
    pages = []

    def start(n: int = 4, *, also: tuple[str, ...] = (), judged: bool = True) -> Desks:
        ws = fs.Workspace(folder / "ws")
        found = ws.traces().frame.index
        ids = [i for i in found if not i.startswith("hostile")][:n] + list(also)
        ws.propose(name, ids, reviewer="ana", reason="new this week")
        desk = ws.desk(name)
        if judged:
            for k, trace_id in enumerate(ids[:n]):
                desk.edit(
                    trace_id,
                    by="ana",
                    reason="what should come",
                    expected_output=f"Answer {k}, as the help centre has it.",
                )

        def show(who: str, *, cells: tuple[str, ...] = (), dark: bool = False, width: int = 1600) -> Bench:
            page = browser.new_page(viewport={"width": width, "height": 1000})
            pages.append(page)
            page.on("pageerror", lambda error: thrown.append(error.stack or ""))
            source = [SETUP.format(path=str(folder / "ws"), name=name), SHOW.format(who=who), *cells]
            made = Bench(lab, page, lab.notebook(f"{name}-{who}.ipynb", source))
            made.open()
            lab.run_all(page)
            made.wait()
            return made

        return Desks(desk, ids, show)

    yield start
    lab.stop_kernels()
    for page in pages:
        page.close()
    assert not [stack for stack in thrown if "blob:" in stack]


# a curator alone ---------------------------------------------------------------------------------------------------


def test_cases_are_mended_decided_and_promoted_by_keyboard_alone(desks):
    d = desks(4)
    first, second, third, fourth = d.ids
    d.desk.edit(
        fourth,
        by="ana",
        reason="as it came",
        expected_output="",
        input="I am ana.ruiz@example.com, what now?",
    )
    cleo = d.show("cleo")
    assert cleo.case == first
    assert cleo.page.locator(".fs-position").inner_text() == "1 of 4 waiting"

    cleo.press("e")
    cleo.page.wait_for_selector(".fs-sheet[data-kind=text] textarea:focus")
    cleo.press("Control+a")
    cleo.type("It ships in 5 days. j y d")
    cleo.press("Control+Enter")
    cleo.misses("needs its reason")
    assert d.desk.case(first).example["expected_output"].startswith("Answer 0")
    cleo.type("the help centre says so")
    cleo.press("Enter")
    cleo.says("Saved: edited")
    assert d.desk.case(first).example["expected_output"] == "It ships in 5 days. j y d"
    assert d.desk.case(first).history[-1]["reason"] == "the help centre says so"

    cleo.press("i")
    cleo.page.wait_for_selector(".fs-sheet[data-kind=text] textarea:focus")
    cleo.press("Control+a")
    cleo.type("When does it ship?")
    cleo.press("Tab")
    cleo.type("shorter")
    cleo.press("Enter")
    cleo.says("Saved: edited")
    assert d.desk.case(first).example["input"] == "When does it ship?"

    cleo.press("c")
    cleo.page.wait_for_selector(".fs-sheet[data-kind=criteria] select:focus")
    cleo.press("Tab")
    cleo.type("5 days")
    cleo.press("Tab", "Space", "Tab", "Tab", "Enter")  # any case; past the button that removes; another one
    cleo.page.keyboard.type("must")  # a select takes the letters
    for _ in range(3):
        cleo.press("Tab")
    cleo.type("what counts")
    cleo.press("Enter")
    cleo.says("Saved: edited")
    assert d.desk.case(first).example["criteria"] == [
        {"type": "contains", "value": "5 days", "ignore_case": True},
        {"type": "must_refuse"},
    ]

    cleo.press("y")
    cleo.says("Saved: accepted")
    assert d.status(first) == "accepted"
    cleo.press("u")
    cleo.says("taken back")
    assert d.status(first) == "waiting"
    cleo.press("y")
    cleo.says("Saved: accepted")

    cleo.press("j")
    cleo.wait_for_case(second)
    cleo.press("b")
    cleo.type("which order? y")
    cleo.press("Enter")
    cleo.says("Saved: sent back")
    assert (d.status(second), d.desk.case(second).question) == ("sent back", "which order? y")

    cleo.press("j")
    cleo.wait_for_case(third)
    cleo.press("d", "Enter")  # without a reason nothing happens
    cleo.misses("some words first")
    cleo.type("the same as last week")
    cleo.press("Enter")
    cleo.says("Saved: rejected")
    assert d.desk.case(third).question == "the same as last week"

    cleo.press("j")
    cleo.wait_for_case(fourth)
    refused = cleo.python("desk.cases().refused.to_dict()")[fourth]
    for check in refused:
        cleo.press("v")
        cleo.page.wait_for_selector(".fs-sheet[data-kind=waive]:not([hidden])")
        cleo.press("1")
        cleo.type(f"fine without {check}")
        cleo.press("Enter")
        cleo.says(f"“{check}” waived")
    assert refused
    assert set(d.desk.case(fourth).waived) == set(refused)
    cleo.page.locator(".fs-desk-gate h4", has_text="The gate lets it in").wait_for()
    cleo.press("y")
    cleo.says("Saved: accepted")

    cleo.press("Shift+P")
    cleo.page.wait_for_selector(".fs-sheet[data-kind=promote]:not([hidden])")
    assert "2 cases are accepted" in cleo.page.locator(".fs-sheet").inner_text()
    cleo.press("Enter")
    cleo.misses("needs its reason")
    cleo.type("refund audit")
    cleo.press("Enter")
    cleo.says("v1")
    golden = d.desk.golden
    assert fourth in golden.trace_ids
    assert {second, third}.isdisjoint(golden.trace_ids)
    cleo.page.wait_for_function("document.querySelector('.fs-title').textContent.includes('v1')")
    assert len(cleo.lab.cells(cleo.page)) == 2


def test_chosen_cases_are_decided_together(desks):
    d = desks(6)
    cleo = d.show("cleo")
    cleo.press("x", "j", "j")
    cleo.wait_for_case(d.ids[2])
    cleo.press("Shift+X")
    assert cleo.root.get_attribute("data-chosen") == "3"
    assert cleo.python("bench.selected") == d.ids[:3]
    assert "3 cases chosen" in cleo.page.locator(".fs-desk-bulk").inner_text()
    cleo.press("y")
    cleo.page.wait_for_selector(".fs-prompt:not([hidden])")
    assert "these 3 cases" in cleo.page.locator(".fs-prompt").inner_text()
    cleo.press("Escape")
    assert {d.status(i) for i in d.ids} == {"waiting"}
    cleo.press("y", "Enter")
    cleo.says("Saved: 3 cases accepted")
    assert [d.status(i) for i in d.ids] == ["accepted"] * 3 + ["waiting"] * 3
    assert cleo.root.get_attribute("data-chosen") == "0"
    cleo.page.wait_for_function("document.querySelectorAll('.fs-desk-option').length === 3")
    rows = cleo.page.locator(".fs-desk-option")
    rows.nth(0).locator("input").click()
    rows.nth(2).click(modifiers=["Shift"])
    assert cleo.root.get_attribute("data-chosen") == "3"
    cleo.root.focus()
    cleo.press("a")
    assert cleo.root.get_attribute("data-chosen") == "0"
    cleo.press("a", "d")
    cleo.type("not ours")
    cleo.press("Enter")
    cleo.says("Saved: 3 cases rejected")
    assert [d.status(i) for i in d.ids] == ["accepted"] * 3 + ["rejected"] * 3
    cleo.press("u")
    cleo.says("3 cases")
    assert [d.status(i) for i in d.ids] == ["accepted"] * 3 + ["waiting"] * 3


def test_the_list_is_filtered_by_status_check_and_words(desks):
    d = desks(5, judged=False)
    d.desk.accept(d.ids[:2], by="cleo")
    cleo = d.show("cleo")
    shown = cleo.page.locator(".fs-desk-option")
    assert shown.count() == 3
    cleo.press("3")
    assert shown.count() == 2
    cleo.press("1")
    assert shown.count() == 5
    check, n = cleo.python("desk.cases().refused.explode().value_counts().head(1).items().__next__()")
    cleo.page.locator(".fs-desk-check").select_option(check)
    assert shown.count() == n
    cleo.page.locator(".fs-desk-check").select_option("")
    cleo.root.focus()
    cleo.press("/")
    cleo.type(d.ids[4])
    cleo.page.wait_for_function("document.querySelectorAll('.fs-desk-option').length === 1")
    cleo.press("Enter")
    cleo.wait_for_case(d.ids[4])
    cleo.press("j")  # the keyboard is the desk's again
    cleo.says("That was the last")
    cleo.press("Escape")
    assert shown.count() == 5
    cleo.page.locator(".fs-desk-check").select_option(check)
    cleo.root.focus()
    cleo.press("/")
    cleo.type(d.ids[4])
    cleo.press("Enter", "1")  # all is all
    assert shown.count() == 5
    assert cleo.page.locator(".fs-desk-check").input_value() == ""


def test_a_list_without_the_open_case_opens_its_first(desks):
    d = desks(5)
    d.desk.send_back(d.ids[2:4], by="cleo", question="which plan?")
    cleo = d.show("cleo")
    assert cleo.case == d.ids[0]
    cleo.press("4")
    cleo.wait_for_case(d.ids[2])
    cleo.press("j")
    cleo.wait_for_case(d.ids[3])


def test_a_difference_of_readers_is_settled_at_the_desk(desks, folder):
    ws = fs.Workspace(folder / "ws")
    traces = ws.traces()
    found = fs.cluster(traces, projector=None, min_cluster_size=5, progress=False)
    read = traces.frame.index[100]  # of no other test
    review = ws.start_review("readers", fs.plan_review(found, budget=5), reviewers=["ana", "ben"])
    review.annotate(read, reviewer="ana", failure_modes=["tone", "invented policy"])
    review.annotate(read, reviewer="ben", failure_modes=["tone", "too long"])
    d = desks(1, also=(read,))
    cleo = d.show("cleo")
    cleo.go(read)
    cleo.root.focus()
    assert cleo.page.locator("[data-check=agreement] [data-verb=settle]").is_visible()
    cleo.press("Shift+D")
    sheet = cleo.page.locator(".fs-sheet[data-kind=settle]:not([hidden])")
    sheet.wait_for()
    pressed = sheet.locator(".fs-tag[aria-pressed=true]")
    assert [e.locator("bdi").first.inner_text() for e in pressed.all()] == ["tone"]
    cleo.press("3", "0", "1", "3", "1", "Enter")
    cleo.misses("needs its reason")
    cleo.type("ben read the policy 0 1")
    cleo.press("Enter")
    cleo.says("Saved: settled")
    row = d.desk.case(read).example
    assert row["failure_modes"] == ["too long"]
    assert row["provenance"]["agreement"]["settled"]["reason"] == "ben read the policy 0 1"
    assert cleo.page.locator("[data-verb=settle]").count() == 0
    assert "settled by cleo" in cleo.page.locator("[data-part=readers]").inner_text()
    cleo.press("Shift+D")
    cleo.says("settled already")
    cleo.press("k")
    cleo.wait_for_case(d.ids[0])
    cleo.press("Shift+D")
    cleo.says("do not differ")


def test_what_the_gate_refuses_is_said_when_it_is_accepted(desks):
    d = desks(4, judged=False)
    cleo = d.show("cleo")
    refused = d.desk.cases()["refused"]
    assert all(refused)
    cleo.press("y")
    cleo.says("Saved: accepted; the gate still refuses it: " + refused.iloc[0][0].replace("_", " "))
    before = d.desk.revision
    cleo.press("y")
    cleo.says("accepted already; the gate still refuses it")
    assert d.desk.revision == before
    cleo.press("1", "a", "y")
    question = cleo.page.locator(".fs-prompt:not([hidden])")
    question.wait_for()
    for words in ("these 3 cases", "1 other is accepted already", "The gate refuses 3 of them"):
        assert words in question.inner_text()
    cleo.press("Enter")
    cleo.says("the gate still refuses 3 of them")
    cleo.press("g")
    cleo.says("No case waits; 4 accepted cases are refused by the gate")
    cleo.press("Shift+P")
    sheet = cleo.page.locator(".fs-sheet[data-kind=promote]:not([hidden])")
    sheet.wait_for()
    assert "Nothing can be promoted yet" in sheet.inner_text()
    assert sheet.locator(".fs-todo li").count() == 4
    cleo.press("3")
    cleo.wait_for_case(d.ids[2])
    assert sheet.is_hidden()


def test_personal_data_is_masked_after_a_look(desks):
    d = desks(1)
    d.desk.edit(
        d.ids[0],
        by="ana",
        reason="as they wrote",
        input="Write to ana.ruiz@example.com about my lamp, please.",
    )
    cleo = d.show("cleo")
    cleo.press("m")
    cleo.page.wait_for_selector(".fs-sheet[data-kind=mask]:not([hidden])")
    assert "1 ×" in cleo.page.locator(".fs-sheet .fs-chips").inner_text()
    assert "ana.ruiz@example.com" in cleo.page.locator(".fs-sheet .fs-text del").first.inner_text()
    cleo.press("Escape")
    assert "ana.ruiz@example.com" in d.desk.case(d.ids[0]).example["input"]
    cleo.press("m")
    cleo.page.wait_for_selector(".fs-sheet[data-kind=mask]:not([hidden])")
    cleo.press("Enter")
    cleo.says("Saved: masked")
    cleo.page.wait_for_function("!document.querySelector('.fs-desk-case').textContent.includes('ana.ruiz@')")
    assert "ana.ruiz@example.com" not in d.desk.case(d.ids[0]).example["input"]
    assert d.desk.case(d.ids[0]).example["provenance"]["edited"][-1]["masked"]
    cleo.press("m")
    cleo.says("No personal data")


def test_what_was_typed_is_dropped_only_by_a_second_escape(desks):
    d = desks(2)
    cleo = d.show("cleo")
    before = d.desk.revision
    cleo.press("e")
    cleo.page.wait_for_selector(".fs-sheet textarea:focus")
    cleo.type("half a sentence")
    cleo.press("Escape")
    cleo.says("Esc once more")
    assert "half a sentence" in cleo.page.locator(".fs-sheet textarea").first.input_value()
    cleo.press("Escape")
    assert cleo.page.locator(".fs-sheet").is_hidden()
    assert d.desk.revision == before


# several people ----------------------------------------------------------------------------------------------------


def test_two_curators_see_each_others_decisions_and_nobody_overrules_unseen(desks):
    d = desks(3)
    first, second, _ = d.ids
    cleo, dora = d.show("cleo"), d.show("dora")
    assert cleo.case == dora.case == first
    cleo.press("y")
    cleo.says("Saved: accepted")
    dora.page.wait_for_selector(".fs-desk-news:not([hidden])", timeout=SEEN)
    assert "cleo accepted" in dora.page.locator(".fs-desk-news").inner_text()
    assert dora.status == "accepted"
    assert "1 accepted" in dora.page.locator(".fs-desk-counts").inner_text()
    # what is decided between two looks of the page is refused by Python
    dora.next_case()
    assert dora.case == second
    dora.page.evaluate("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})")
    d.desk.reject([second], by="cleo", reason="it is in another set")
    dora.press("y")
    dora.page.wait_for_selector(".fs-alarm:not([hidden])")
    said = dora.page.locator(".fs-alarm").inner_text()
    assert "Not saved. cleo said meanwhile: rejected (it is in another set)" in said
    assert d.status(second) == "rejected"
    dora.page.locator(".fs-desk-question", has_text="Rejected: it is in another set").wait_for()


def test_a_reviewer_answers_and_edits_and_is_told_who_decides(desks):
    d = desks(2)
    d.desk.send_back([d.ids[0]], by="cleo", question="which plan do they have?")
    ana = d.show("ana")
    ana.go(d.ids[0])
    ana.root.focus()
    before = d.desk.revision
    for key in ("y", "b", "d", "v", "Shift+P"):
        ana.press(key)
        ana.page.wait_for_selector(".fs-alarm:not([hidden])")
        assert "curator" in ana.page.locator(".fs-alarm").inner_text()
        ana.press("Escape")
        assert ana.page.locator(".fs-alarm").is_hidden()
    assert d.desk.revision == before
    button = ana.page.locator("[data-verb=accept]")
    assert button.get_attribute("aria-disabled") == "true"
    assert "curator" in button.get_attribute("title")
    assert "which plan" in ana.page.locator(".fs-desk-question").inner_text()
    ana.press("r")
    ana.type("the family plan")
    ana.press("Enter")
    ana.says("Saved: answered")
    assert d.status(d.ids[0]) == "waiting"
    assert d.desk.case(d.ids[0]).history[-1]["reason"] == "the family plan"
    past = ana.page.locator("[data-part=history]", has_text="the family plan")
    past.wait_for()
    assert "which plan do they have?" in past.inner_text()


# hostile texts, long lists, the notebook around it -----------------------------------------------------------------


def test_hostile_texts_are_shown_as_text_everywhere(desks):
    d = desks(1, also=tuple(f"hostile-{k}" for k in HOSTILE))
    word = HOSTILE["script"] + "\u202e"
    d.desk.edit(
        "hostile-script",
        by="ana",
        reason=word,
        expected_output="A plain answer.",
        criteria=[{"type": "contains", "value": word}],
    )
    d.desk.send_back(["hostile-script"], by="cleo", question=word)
    cleo = d.show("cleo")
    shown = word.replace("\u202e", "U+202E")
    cleo.go("hostile-script")
    assert cleo.page.locator("[data-part=output] .fs-text").inner_text() == HOSTILE["script"]
    assert shown in cleo.page.locator(".fs-desk-question").inner_text()
    assert shown in cleo.page.locator("[data-part=history]").inner_text()
    assert "<script>" in cleo.page.locator("[data-part=criteria]").inner_text()
    cleo.root.focus()
    cleo.press("1", "f")
    for key in ("e", "c"):
        cleo.press(key)
        cleo.page.wait_for_selector(".fs-sheet:not([hidden])")
        cleo.press("Escape")
    cleo.go("hostile-override")
    assert (
        cleo.page.locator("[data-part=output] .fs-text").inner_text() == "abc U+202Egnirts desreverU+202C end"
    )
    cleo.go("hostile-ansi")
    assert cleo.page.locator("[data-part=output] .fs-text").inner_text() == "␛[31mred␛[0m and ␇ bell"
    assert cleo.page.evaluate("window.hacked") is None
    assert cleo.page.locator(".fs-workbench :is(script, img, b.x, iframe)").count() == 0


def test_a_megabyte_is_folded_compared_at_its_beginning_and_does_not_hang(desks):
    d = desks(1, also=("hostile-long",))
    d.desk.edit("hostile-long", by="ana", reason="shorter", expected_output="word " * 100_000)
    cleo = d.show("cleo")
    cleo.go("hostile-long")
    assert len(cleo.page.locator(".fs-scroll").inner_text()) < 40_000
    cleo.page.get_by_role("button", name="more of 1,000,000 characters").click()
    cleo.page.wait_for_function(
        "document.querySelector('[data-part=output] .fs-text').textContent.length > 200000"
    )
    cleo.root.focus()
    cleo.press("e")
    cleo.page.locator(".fs-alarm:not([hidden])").wait_for()
    assert "more than a page can edit" in cleo.page.locator(".fs-alarm").inner_text()
    box = cleo.root.bounding_box()
    assert cleo.page.evaluate("document.querySelector('.fs-workbench').scrollWidth") <= box["width"] + 1
    cleo.press("k")
    cleo.wait_for_case(d.ids[0])


def test_keys_do_not_leak_to_the_lab(desks):
    d = desks(3)
    cleo = d.show("cleo", cells=("x = 1",))
    before = cleo.lab.cells(cleo.page)
    active = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    counts = "() => { const c = window.jupyterapp.shell.currentWidget.content.model.cells; return [...Array(c.length).keys()].map(k => c.get(k).executionCount); }"
    at, ran = cleo.page.evaluate(active), cleo.page.evaluate(counts)
    cleo.page.locator(".fs-scroll").click()
    for keys in ("jjkk", "dd", "m", "ab", "x", "yzcv", "00", "ii", "11", "lr+-", "gfns"):
        for key in keys:
            cleo.press(key)
        cleo.press("Escape", "Escape", "Escape")
        cleo.root.focus()
    cleo.press(
        "Enter", "Shift+Enter", "Control+Enter", "Alt+Enter", "ArrowDown", "ArrowUp", "Space", "Control+s"
    )
    for opener in ("e", "i", "c", "/", "b", "d"):
        cleo.press(opener, "Shift+Enter", "Escape", "Escape", "Escape")
        cleo.root.focus()
    assert cleo.lab.cells(cleo.page) == before
    assert cleo.page.evaluate(active) == at
    assert cleo.page.evaluate(counts) == ran
    assert cleo.page.locator(".fs-workbench").count() == 1
    assert cleo.page.locator(".jp-Dialog").count() == 0


def test_text_has_the_contrast_of_wcag_aa_in_light_and_dark(desks):
    d = desks(3)
    d.desk.edit(
        d.ids[0], by="ana", reason="as it came", expected_output="", input="I am ana.ruiz@example.com."
    )
    d.desk.send_back([d.ids[0]], by="dora", question="which?")
    d.desk.waive([d.ids[0]], "personal", by="dora", reason="fine")
    cleo = d.show("cleo")
    cleo.go(d.ids[0])
    cleo.root.focus()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        cleo.page.evaluate(
            f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: {theme!r}}})"
        )
        cleo.page.wait_for_function(
            f"document.querySelector('.fs-workbench').classList.contains('fs-dark') === {str('Dark' in theme).lower()}"
        )
        cleo.page.wait_for_timeout(500)
        assert cleo.page.evaluate(CONTRAST) == []
        for keys in (
            ["1", "a"],
            ["e"],
            ["Escape", "c"],
            ["Escape", "?"],
            ["Escape", "v"],
            ["Escape", "Escape"],
        ):
            cleo.press(*keys)
            cleo.page.wait_for_timeout(300)
            assert cleo.page.evaluate(CONTRAST) == [], (theme, keys)


def test_it_fits_any_width_and_every_control_has_a_name(desks):
    d = desks(4)
    d.desk.edit(d.ids[0], by="ana", reason="as it came", input="I am ana.ruiz@example.com.")
    cleo = d.show("cleo")
    page = cleo.page
    page.evaluate("window.jupyterapp.shell.collapseLeft()")
    for width in (430, 640, 1000, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(400)
        root = cleo.root.bounding_box()
        narrow = page.locator(".fs-tabs").is_visible()
        assert narrow == (width <= 640)
        for pane in ("cases", "case"):
            if narrow:
                page.locator(f"[data-tab={pane}]").click()
                for said in (".fs-title", ".fs-desk-counts", ".fs-status"):
                    whole = page.locator(said).evaluate("e => e.scrollWidth <= e.clientWidth + 1")
                    assert whole, (width, said)
            inside = page.locator(f"[data-pane={pane}]")
            assert inside.is_visible()
            box = inside.bounding_box()
            assert box["x"] >= root["x"] - 1
            assert box["x"] + box["width"] <= root["x"] + root["width"] + 1
            assert inside.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
        if narrow:
            cleo.root.focus()
            cleo.press("2")
            assert page.locator("[data-pane=case]").is_hidden()
            cleo.press("Enter")
            assert page.locator("[data-pane=case]").is_visible()
        for bar in (".fs-top", ".fs-desk-balance"):
            assert page.locator(bar).evaluate("e => e.scrollWidth <= e.clientWidth + 1")
        cleo.root.focus()
        for key in ("c", "e", "m", "v"):
            cleo.press(key)
            sheet = page.locator(".fs-sheet:not([hidden])")
            assert sheet.evaluate("e => e.scrollWidth <= e.clientWidth + 1"), (width, key)
            nameless = page.evaluate(
                "() => [...document.querySelectorAll('.fs-workbench :is(button, input, select, textarea)')]"
                ".filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim())).map(e => e.outerHTML)"
            )
            assert nameless == []
            cleo.press("Escape")


def test_the_saved_notebook_quotes_no_case_and_opens_without_a_kernel(desks, browser, lab):
    d = desks(3)
    cleo = d.show("cleo")
    cleo.next_case()
    lab.save(cleo.page)
    text = (lab.folder / cleo.notebook).read_text()
    assert "failscope-summary" in text
    assert len(text) < 40_000
    for trace_id in d.ids:
        row = d.desk.case(trace_id).example
        for words in (row["input"], row["output"], row["expected_output"]):
            assert json.dumps(words)[1:40] not in text
    lab.stop_kernels()
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    lab.open(page, cleo.notebook, kernel=False)
    page.wait_for_selector(".failscope-summary >> visible=true")
    page.wait_for_timeout(4_000)  # the Lab looks for the widget's model for two seconds before it gives up
    assert "3 waiting" in page.locator(".failscope-summary").inner_text()
    for words in ("Error displaying widget", "Loading widget", "model not found"):
        assert not [e for e in page.get_by_text(words).all() if e.is_visible()], words
    page.close()
