"""The workbench as people meet it: in a real JupyterLab, by mouse and by keyboard, over real outputs."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import failscope as fs
from tests.conftest import ROOT, SHARED
from tests.workbench import lab as jupyter
from tests.workbench.lab import Lab, need_browser

pytestmark = pytest.mark.browser

HOSTILE = {
    "script": "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'><b>bold</b>",
    "ansi": "\u001b[31mred\u001b[0m and \u0007 bell",
    "override": "abc \u202egnirts desrever\u202c end",
    "long": "x" * 1_000_000,
    "json": json.dumps({"answer": {"items": [1, 2, {"deep": "value"}]}, "ok": True}),
}
SETUP = "import failscope as fs\nws = fs.Workspace({path!r})\nsession = ws.start_review({name!r})"
SHOW = "bench = fs.Workbench(session, reviewer='ana')\nbench"


def real_outputs(n: int) -> pd.DataFrame:
    """Real model outputs where they are at hand, else the sample data."""
    path = SHARED / "xstest.jsonl.gz"
    if not path.exists():
        return (
            fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz")
            .frame.head(n)
            .reset_index()[["trace_id", "input", "output", "model"]]
        )
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        frame = pd.DataFrame([json.loads(line) for line, _ in zip(lines, range(n), strict=False)])
    frame = frame.assign(flagged=(frame["failure_mode"] != "ok").astype(int))
    return frame.rename(columns={"id": "trace_id"})[["trace_id", "input", "output", "model", "flagged"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with real outputs and a few hostile ones, clustered."""
    need_browser()
    root = tmp_path_factory.mktemp("lab")
    bad = pd.DataFrame(
        [
            {"trace_id": f"hostile-{k}", "input": "What now?", "output": v, "model": "m"}
            for k, v in HOSTILE.items()
        ]
    )
    frame = pd.concat([real_outputs(400), bad], ignore_index=True)
    frame["timestamp"] = pd.Timestamp("2026-05-04", tz="UTC") + pd.to_timedelta(range(len(frame)), unit="h")
    traces = fs.Traces.from_frame(frame, signals={"flagged": "bad"} if "flagged" in frame else None)
    ws = fs.Workspace(root / "ws")
    ws.add(traces)
    ws.save_clustering("all", fs.cluster(ws.traces(), projector="pca", progress=False))
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


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test when a script of ours throws."""
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(error.stack or ""))
    yield page
    page.close()
    # Notebook 7 and the Lab throw a few of their own; only ours comes from a blob: address, by anywidget
    assert not [stack for stack in thrown if "blob:" in stack]


@pytest.fixture
def review(
    lab: Lab, folder: Path, page: Any, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Review]]:
    """Start a review of its own for each test, in a notebook of its own."""
    name = request.node.name.removeprefix("test_")[:60]

    def start(*, budget: int = 20, cells: tuple[str, ...] = (SHOW,)) -> Review:
        ws = fs.Workspace(folder / "ws")
        ws.start_review(name, fs.plan_review(ws.clustering("all"), budget=budget), reviewers=["ana", "ben"])
        made = Review(
            lab,
            page,
            lab.notebook(f"{name}.ipynb", [SETUP.format(path=str(folder / "ws"), name=name), *cells]),
        )
        made.open()
        lab.run_all(page)
        made.wait()
        return made

    yield start
    lab.stop_kernels()


class Review:
    """A notebook with a workbench, and what a person does with it."""

    def __init__(self, lab: Lab, page: Any, notebook: str) -> None:
        self.lab, self.page, self.notebook = lab, page, notebook
        self.root = page.locator(".fs-workbench")

    def open(self) -> None:
        self.lab.open(self.page, self.notebook)

    def wait(self) -> None:
        self.page.wait_for_selector(".fs-workbench[data-ready]", timeout=60_000)
        self.page.evaluate("document.querySelector('.fs-workbench').scrollIntoView({block: 'center'})")
        self.root.focus()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def saved(self) -> None:
        self.page.wait_for_function(
            "document.querySelector('.fs-status').dataset.tone === 'saved'", timeout=15_000
        )

    def python(self, expression: str) -> Any:
        as_json = f"__import__('json').dumps({expression}, default=lambda v: v.item())"
        return json.loads(ast.literal_eval(self.lab.kernel(self.notebook, as_json)))

    @property
    def trace(self) -> str:
        return self.root.get_attribute("data-trace")

    def next(self) -> str:
        before = self.trace
        self.press("j")
        self.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace !== {before!r}")
        return self.trace

    def progress(self) -> str:
        return self.page.locator(".fs-progress").get_attribute("aria-label")

    def lasso(self, size: float = 120) -> None:
        box = self.page.locator(".fs-map").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse = self.page.mouse
        self.page.keyboard.down("Shift")
        mouse.move(x - size, y - size)
        mouse.down()
        for dx, dy in ((size, -size), (size, size), (-size, size), (-size, -size)):
            mouse.move(x + dx, y + dy, steps=5)
        mouse.up()
        self.page.keyboard.up("Shift")
        self.page.wait_for_selector(".fs-workbench[data-selected]")


def test_a_review_by_keys_is_there_after_a_reload_and_a_restart(review):
    r = review()
    first = r.trace
    assert first == r.python("session.queue(reviewer='ana').trace_id.iloc[0]")
    r.press("0")
    r.saved()
    second = r.next()
    r.press("t")
    r.page.keyboard.type("over-refusal")
    r.press("Enter")
    r.saved()
    third = r.next()
    r.press("1")
    r.saved()
    r.press("n")
    r.page.keyboard.type("not called for: j k 1 0 d d")
    r.press("Escape", "e")
    r.page.keyboard.type("A plain answer.")
    r.press("Escape")
    r.page.wait_for_function("document.querySelector('.fs-status').dataset.tone === 'saved'")
    r.press("p")
    r.page.keyboard.type("refunds")
    r.press("Enter")
    r.page.wait_for_function("document.querySelector('.fs-status').textContent.includes('refunds')")

    def holds() -> None:
        marks = "session.marks(reviewer='ana')"
        assert r.python(f"{marks}.loc[{first!r}, ['read', 'failure_modes']].tolist()") == [True, []]
        assert r.python(f"{marks}.loc[{second!r}, 'failure_modes']") == ["over-refusal"]
        mark = r.python(f"session.mark({third!r}, reviewer='ana')")
        assert mark["failure_modes"] == ["over-refusal"]
        assert mark["note"] == "not called for: j k 1 0 d d"
        assert mark["expected_output"] == "A plain answer."
        assert r.python("session.proposals()[['golden', 'trace_id']].values.tolist()") == [["refunds", third]]
        assert r.progress() == "3 of 20 read, 17 left"

    holds()
    r.press("u")
    r.page.wait_for_function("document.querySelector('.fs-status').textContent.includes('took back')")
    assert r.python("len(session.proposals())") == 0
    r.press("p", "Enter")  # the name is remembered
    r.page.wait_for_function("document.querySelector('.fs-status').textContent.includes('proposed')")
    holds()

    r.lab.save(r.page)
    r.page.reload()
    r.open()
    r.lab.run_all(r.page)
    r.wait()
    holds()
    first_unread = "session.queue(reviewer='ana', batch=5).trace_id.iloc[0]"
    assert r.trace == r.python(first_unread)

    r.lab.stop_kernels()
    r.open()
    r.lab.run_all(r.page)
    r.wait()
    holds()
    assert r.page.locator(".fs-tag").all_inner_texts()[1].split()[-1] == "over-refusal"


def test_keys_do_not_leak_to_the_lab(review):
    r = review(cells=(SHOW, "x = 1"))
    before = r.lab.cells(r.page)
    active = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    counts = "() => { const c = window.jupyterapp.shell.currentWidget.content.model.cells; return [...Array(c.length).keys()].map(k => c.get(k).executionCount); }"
    at, ran = r.page.evaluate(active), r.page.evaluate(counts)
    r.page.locator(".fs-scroll").click()
    for keys in ("jjkk", "dd", "m", "ab", "x", "yzcv", "00", "ii", "11", "lr+-", "g"):
        for key in keys:
            r.press(key)
        r.press("Escape", "Escape")
        r.root.focus()
    r.press(
        "Enter", "Shift+Enter", "Control+Enter", "Alt+Enter", "ArrowDown", "ArrowUp", "Space", "Control+s"
    )
    for opener in ("n", "e", "/", "t", "p"):
        r.press(opener, "Shift+Enter", "Escape", "Escape")
        r.root.focus()
    r.page.locator(".fs-clusters input").focus()
    r.press("d", "d", "m", "Shift+Enter")
    assert r.lab.cells(r.page) == before
    assert r.page.evaluate(active) == at
    assert r.page.evaluate(counts) == ran
    assert r.page.locator(".fs-workbench").count() == 1
    assert r.page.locator(".jp-Dialog").count() == 0


def test_a_lasso_reaches_python_and_python_reaches_the_map(review):
    r = review()
    r.lasso()
    assert r.python("len(bench.selected)") == int(r.root.get_attribute("data-selected")) > 0
    assert "in the lasso" in r.page.locator(".fs-selection").inner_text()
    r.press("t")
    r.page.keyboard.type("odd")
    r.press("Enter")
    r.saved()
    r.press("Shift+Digit1")
    r.page.wait_for_function("document.querySelector('.fs-status').textContent.includes('traces tagged')")
    assert r.python(
        "session.marks(reviewer='ana').failure_modes.map(lambda m: 'odd' in m).sum() == len(bench.selected)"
    )
    r.press("Escape")
    r.page.wait_for_selector(".fs-workbench:not([data-selected])")
    r.page.wait_for_timeout(300)
    assert r.python("bench.selected") == []
    r.lab.kernel(r.notebook, "bench.color('week')")
    r.page.wait_for_selector(".fs-workbench[data-by=week]")
    r.lab.kernel(r.notebook, "bench.select(session.traces.frame.index[:7])")
    r.page.wait_for_function("document.querySelector('.fs-selection').textContent.includes('7 traces')")
    r.lab.kernel(r.notebook, "bench.open(session.traces.frame.index[40])")
    r.page.wait_for_function(
        f"document.querySelector('.fs-workbench').dataset.trace === {r.python('session.traces.frame.index[40]')!r}"
    )


def test_the_rest_is_ordered_anew_after_a_batch_and_what_was_read_stays(review):
    r = review()
    assert r.python("session.queue(reviewer='ana').trace_id.iloc[0]") == r.trace
    seen = [r.trace]
    for k in range(5):
        r.press("0")
        r.page.wait_for_function(
            f"document.querySelector('.fs-progress').ariaLabel.startsWith('{k + 1} of 20')", timeout=15_000
        )
        if k < 4:
            seen.append(r.next())
    r.page.wait_for_selector(".fs-workbench[data-batches='1']")
    assert r.trace == seen[-1]  # the trace being read does not jump
    assert r.page.locator(".fs-position").inner_text() == "5 of 20"
    ahead = r.python("session.queue(reviewer='ana').trace_id.tolist()")
    assert [r.next(), r.next()] == ahead[:2]
    for _ in range(2):
        r.press("k")
    r.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace === {seen[-1]!r}")
    r.press("k")
    r.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace === {seen[-2]!r}")


TEACH = (
    "ids = session.plan.clustering.trace_ids\n"
    "short = session.traces.frame.output.str.len() < session.traces.frame.output.str.len().median()\n"
    "for i in ids[:60]: session.annotate(i, reviewer='ben', failure_modes=['short'] if short[i] else [])\n"
    "said = session.suggestions()"
)


def test_a_suggestion_is_accepted_by_one_key_and_never_by_itself(review):
    r = review(cells=(TEACH, SHOW))
    trace_id, sure = r.python("[said.index[0], float(said.confidence.iloc[0])]")
    r.lab.kernel(r.notebook, f"bench.open({trace_id!r})")
    chip = r.page.locator(
        ".fs-tag-suggested", has_text=f"{sure:.0%}?"
    )  # the trace before it may have one too
    chip.wait_for(timeout=20_000)
    assert chip.get_attribute("aria-pressed") == "false"
    assert "nothing is written yet" in chip.get_attribute("aria-label")
    assert "tagged so" in r.page.locator(".fs-why").inner_text()
    assert r.page.evaluate(CONTRAST) == []
    assert not r.python(f"session.mark({trace_id!r}, reviewer='ana')['read']")
    r.root.focus()
    r.press("y")
    r.saved()
    assert r.page.locator(".fs-tag[aria-pressed=true]").inner_text().split("\n")[-1] == "short"
    assert chip.count() == 0
    assert r.python(f"session.mark({trace_id!r}, reviewer='ana')['failure_modes']") == ["short"]
    payload = r.python("dict(session.log.read(session=session.name)[-1].payload)")
    assert payload["suggested"]["short"] == pytest.approx(sure, abs=1e-6)


def test_more_like_these_is_a_walk_with_a_way_back(review):
    r = review()
    first = r.trace
    r.press("m")
    r.page.wait_for_selector(".fs-workbench[data-walk='20']", timeout=20_000)
    alike = r.python(f"session.more_like([{first!r}]).index.tolist()")
    r.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace === {alike[0]!r}")
    assert first in r.page.locator(".fs-walk").inner_text()
    assert r.page.locator(".fs-position").inner_text() == "1 of 20 alike"
    assert f"like {first}: " in r.page.locator(".fs-reason").inner_text()
    assert r.page.evaluate(CONTRAST) == []
    assert r.next() == alike[1]
    r.press("Escape")
    r.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace === {first!r}")
    assert r.page.locator(".fs-walk").is_hidden()
    assert r.page.locator(".fs-position").inner_text() == "1 of 20"
    r.lasso()
    r.page.get_by_role("button", name="More like these").click()
    r.page.wait_for_selector(".fs-workbench[data-walk]", timeout=20_000)
    assert "selected" in r.page.locator(".fs-walk").inner_text()
    r.page.locator(".fs-walk button").click()
    r.page.wait_for_selector(".fs-workbench:not([data-walk])")
    assert "selected" in r.page.locator(".fs-position").inner_text()  # the lasso is still there
    r.root.focus()
    r.press("t")
    r.page.keyboard.type("odd")
    r.press("Enter")
    r.saved()
    r.press("Shift+M")
    r.page.wait_for_selector(".fs-prompt:not([hidden])")
    r.press("Enter")
    r.page.wait_for_selector(".fs-workbench[data-walk]", timeout=20_000)
    assert "“odd”" in r.page.locator(".fs-walk").inner_text()
    r.press("Escape", "Escape")
    r.lab.kernel(r.notebook, "bench.walk(session.more_like('odd', n=3), says='asked for in Python')")
    r.page.wait_for_selector(".fs-workbench[data-walk='3']")


def show(r: Review, kind: str) -> str:
    r.lab.kernel(r.notebook, f"bench.open('hostile-{kind}')")
    r.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace === 'hostile-{kind}'")
    return r.page.locator("[data-part=output] .fs-text").inner_text()


def test_hostile_outputs_are_shown_as_text(review):
    r = review()
    assert show(r, "script") == HOSTILE["script"]
    assert r.page.evaluate("window.hacked") is None
    assert r.page.locator(".fs-workbench :is(script, img, b.x, iframe)").count() == 0
    assert show(r, "ansi") == "␛[31mred␛[0m and ␇ bell"
    assert show(r, "override") == "abc U+202Egnirts desreverU+202C end"
    assert '"deep": "value"' in show(r, "json")
    r.page.get_by_role("button", name="As written").click()
    assert r.page.locator("[data-part=output] .fs-text").inner_text() == HOSTILE["json"]


def test_a_megabyte_on_one_line_is_folded_and_the_page_stays_quick(review):
    r = review()
    folded = show(r, "long")
    assert len(folded) < 10_000
    more = r.page.get_by_role("button", name="more of 1,000,000 characters")
    more.click()
    r.page.wait_for_function(
        "document.querySelector('[data-part=output] .fs-text').textContent.length > 200000"
    )
    start = time.monotonic()
    r.press("j")
    r.page.wait_for_function("document.querySelector('.fs-workbench').dataset.trace !== 'hostile-long'")
    assert time.monotonic() - start < 2
    box = r.root.bounding_box()
    assert r.page.evaluate("document.querySelector('.fs-workbench').scrollWidth") <= box["width"] + 1


def test_nothing_is_said_to_be_saved_that_was_not(review):
    r = review()
    r.lab.kernel(
        r.notebook,
        "setattr(type(session), 'annotate', lambda *a, **k: (_ for _ in ()).throw(fs.LockedWorkspaceError('another process holds it')))",
    )
    r.press("0")
    r.page.wait_for_selector(".fs-alarm:not([hidden])")
    assert "Not saved. another process holds it" in r.page.locator(".fs-alarm").inner_text()
    assert r.page.locator(".fs-status").get_attribute("data-tone") == "wrong"
    assert r.page.locator(".fs-tag-fine").get_attribute("aria-pressed") == "false"


def test_what_another_writes_arrives_without_a_reload(review):
    r = review()
    assert r.progress() == "0 of 20 read, 20 left"
    r.lab.kernel(
        r.notebook,
        "session.annotate(session.queue(reviewer='ana').trace_id.iloc[0], reviewer='ana', failure_modes=['from elsewhere'])",
    )
    r.page.wait_for_function(
        "document.querySelector('.fs-progress').ariaLabel === '1 of 20 read, 19 left'", timeout=8_000
    )
    assert "from elsewhere" in r.page.locator(".fs-tags").inner_text()
    assert r.page.locator(".fs-tag[aria-pressed=true]").inner_text().split("\n")[-1] == "from elsewhere"


def test_clusters_are_found_and_chosen_without_a_mouse(review):
    r = review()
    r.press("/")
    name = r.page.locator(".fs-option-name").nth(1).inner_text()
    r.page.keyboard.type(name)
    r.press("Enter", "Enter")
    chosen = r.page.locator(".fs-option[aria-selected=true]")
    chosen.wait_for()
    cluster = int(chosen.get_attribute("data-cluster"))
    r.page.wait_for_function("document.querySelector('.fs-position').textContent.includes('in the cluster')")
    assert (
        r.python(f"int(session.clustering.labels[list(session.clustering.trace_ids).index({r.trace!r})])")
        == cluster
    )
    r.root.focus()
    r.press("c")
    r.page.keyboard.type("a pattern")
    r.press("Enter")
    r.saved()
    assert r.python("session.cluster_tags()") == {str(cluster): ["a pattern"]}


def test_the_saved_notebook_is_small_and_opens_without_a_kernel(review, browser, lab):
    r = review()
    r.lasso()
    r.next()
    lab.save(r.page)
    text = (lab.folder / r.notebook).read_text()
    assert len(text) < 40_000
    output = r.python("session.traces.frame.output.loc[lambda s: s.str.len().between(80, 2000)].iloc[0]")
    assert json.dumps(output)[1:60] not in text
    assert "failscope-summary" in text
    lab.stop_kernels()
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    lab.open(page, r.notebook, kernel=False)
    page.wait_for_selector(".failscope-summary >> visible=true")
    page.wait_for_timeout(4_000)  # the Lab looks for the widget's model for two seconds before it gives up
    assert "everything is where you left it" in page.locator(".failscope-summary").inner_text()
    for words in ("Error displaying widget", "Loading widget", "model not found"):
        assert not [e for e in page.get_by_text(words).all() if e.is_visible()], words
    page.close()


def test_without_webgl_the_list_and_the_texts_work(review, page):
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext ="
        " function (kind, ...rest) { return kind === 'webgl2' ? null : get.call(this, kind, ...rest); };"
    )
    r = review()
    assert "no WebGL2" in page.locator(".fs-trouble").inner_text()
    r.next()
    r.press("0")
    r.saved()


CONTRAST = """() => {
    const rgb = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
    const lum = ([r, g, b]) => { const f = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
    const over = (top, below) => { const a = top[3] ?? 1; return [0, 1, 2].map((k) => top[k] * a + below[k] * (1 - a)); };
    const behind = (el) => { const stack = []; for (let e = el; e; e = e.parentElement) stack.push(rgb(getComputedStyle(e).backgroundColor));
        return stack.reverse().reduce((b, t) => (t.length ? over(t, b) : b), [255, 255, 255]); };
    const bad = [];
    for (const el of document.querySelectorAll('.fs-workbench *')) {
        const own = [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!own || !el.checkVisibility() || el.closest('.fs-names, svg, option, optgroup')) continue;
        const page = behind(el); const ink = over(rgb(getComputedStyle(el).color), page);
        const [low, high] = [lum(ink), lum(page)].sort((a, b) => a - b);
        if ((high + 0.05) / (low + 0.05) < 4.5) bad.push([el.className, el.textContent.slice(0, 30), ((high + 0.05) / (low + 0.05)).toFixed(2)].join(' | '));
    }
    return bad; }"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_text_has_the_contrast_of_wcag_aa(review, page, theme):
    r = review()
    r.press("1", "t")
    page.keyboard.type("wrong")
    r.press("Enter")
    r.saved()
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: {theme!r}}})")
    page.wait_for_function(
        f"document.querySelector('.fs-workbench').classList.contains('fs-dark') === {str('Dark' in theme).lower()}"
    )
    page.wait_for_timeout(500)
    assert page.evaluate(CONTRAST) == []
    r.press("?")
    assert page.evaluate(CONTRAST) == []
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")


@pytest.mark.parametrize("width", [700, 1600])
def test_it_fits_and_every_control_has_a_name(review, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    r = review()
    page.evaluate("window.jupyterapp.shell.collapseLeft()")
    page.wait_for_timeout(300)
    root = r.root.bounding_box()
    panes = ("map", "clusters", "reading")
    for pane in panes:
        if width == 700:
            page.locator(f"[data-tab={pane}]").click()
        inside = page.locator(f"[data-pane={pane}]")
        assert inside.is_visible()
        box = inside.bounding_box()
        assert box["x"] >= root["x"] - 1
        assert box["x"] + box["width"] <= root["x"] + root["width"] + 1
        assert inside.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('.fs-workbench :is(button, input, select, textarea)')]"
        ".filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim())).map(e => e.outerHTML)"
    )
    assert nameless == []
    if width == 700:
        page.locator("[data-tab=clusters]").click()
    assert page.get_by_role("listbox").count() == 1
    assert page.get_by_role("option").count() > 1


def test_the_difference_from_a_passing_answer_is_shown(review):
    r = review()
    failing = (
        r.python("session.traces.any_bad().loc[lambda s: s].index[0]")
        if r.python("bool(session.traces.any_bad().any())")
        else r.trace
    )
    r.lab.kernel(r.notebook, f"bench.open({failing!r})")
    r.page.wait_for_function(f"document.querySelector('.fs-workbench').dataset.trace === {failing!r}")
    r.press("d")
    r.page.wait_for_selector(".fs-diff .fs-diff-other")
    assert "Input of the passing answer" in r.page.locator(".fs-diff").inner_text()
    r.press("d")
    assert r.page.locator(".fs-diff").count() == 0


def test_it_works_in_notebook_7(folder, browser):
    if importlib.util.find_spec("notebook") is None:
        pytest.skip("Notebook 7 is not installed (pip install notebook)")
    ws = fs.Workspace(folder / "ws")
    ws.start_review("nb7", fs.plan_review(ws.clustering("all"), budget=5), reviewers=["ana"])
    with Lab(folder, app="notebook") as server:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        r = Review(
            server,
            page,
            server.notebook("nb7.ipynb", [SETUP.format(path=str(folder / "ws"), name="nb7"), SHOW]),
        )
        r.open()
        server.run_all(page)
        r.wait()
        before = server.cells(page)
        r.press("0")
        r.saved()
        r.next()
        r.press("d", "d", "m", "j")
        assert server.cells(page) == before
        assert r.python("int(session.progress().loc['ana', 'read'])") == 1
        page.close()
