"""The workbench with 100,000 points in a headless Chromium: first frame, lasso, recolour, next trace.

    python -m benchmarks.workbench [--points 100000] [--repeats 7]

The points are the real outputs of ``alpaca_eval`` where they are at hand, else the sample data, repeated up to the
count; places and clusters are drawn at random, since clustering is measured elsewhere. Times are taken in the page
by marks that are set two frames after the change, when it is on the screen. WebGL runs in software.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from typing import Any

from benchmarks.report import ROOT, SHARED, save, table

sys.path.insert(0, str(ROOT))

LIMITS = {
    "first frame": 2.0,
    "pan, a frame": 0.05,
    "lasso to Python": 0.3,
    "recolour": 0.7,
    "next trace": 0.05,
}
COLORS = ("week", "cluster", "behaviour:length", "model", "signal:flagged")

SETUP = """
import itertools
import numpy as np, pandas as pd
import failscope as fs

n, shared, sample = {points}, {shared!r}, {sample!r}
rng = np.random.default_rng(0)
if shared:
    texts = pd.read_parquet(shared, columns=["input", "output"]).astype(str)
else:
    texts = fs.read(sample, progress=False).frame[["input", "output"]]
texts = texts.iloc[np.arange(n) % len(texts)].reset_index(drop=True)
texts["trace_id"] = [f"t{{k:07d}}" for k in range(n)]
texts["timestamp"] = pd.Timestamp("2026-05-04", tz="UTC") + pd.to_timedelta(rng.integers(0, 56 * 86400, n), unit="s")
texts["model"] = rng.choice(["a", "b", "c"], n)
texts["flagged"] = (rng.random(n) < 0.1).astype(int)
traces = fs.Traces.from_frame(texts, signals={{"flagged": "bad"}})
length = fs.Probe("length", lambda frame: frame["output"].str.len(), says="output length")
params = fs.cluster(traces.take(traces.trace_ids[:200]), probes=[length], projector=None, progress=False).params
k = 40
centers = rng.normal(0, 4, (k, 2))
labels = np.sort(rng.choice(k, n, p=rng.dirichlet(np.full(k, 3.0))))
labels = np.argsort(np.argsort(-np.bincount(labels, minlength=k), kind="stable"))[labels]
exemplar = np.full(n, -1)
exemplar[np.unique(labels, return_index=True)[1]] = 0
found = fs.Clustering(
    traces=traces, trace_ids=traces.trace_ids, labels=labels, layers=(labels,),
    strength=rng.random(n).astype("float32"), edge=rng.random(n).astype("float32"),
    stability={{c: 0.9 for c in range(k)}}, xy=(centers[labels] + rng.normal(0, 0.7, (n, 2))).astype("float32"),
    exemplar=exemplar, view="behaviour",
    params=params,
    behaviours=pd.DataFrame({{"length": traces.frame["output"].str.len().astype("float32")}}),
)
found.summary()
ws = fs.Workspace({folder!r} + "/ws")
ws.add(traces)
session = ws.start_review("speed", fs.plan_review(found, budget=120, strategy="random"), reviewers=["ana"])
"""
SHOW = "bench = fs.Workbench(session)\nbench"


def mark_after(page: Any, name: str, start: float) -> float:
    """Milliseconds from ``start`` to the first mark of this name after it."""
    handle = page.wait_for_function(
        "([name, start]) => performance.getEntriesByName(name).find((m) => m.startTime > start)?.startTime",
        arg=[f"failscope:{name}", start],
    )
    return float(handle.json_value()) - start


def now(page: Any) -> float:
    """The page's clock."""
    return float(page.evaluate("performance.now()"))


def first_frame(lab: Any, page: Any) -> dict[str, float]:
    """Seconds from running the cell to points on the screen, in grey and in colour, and to a trace to read."""
    page.evaluate("performance.clearMarks()")
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    start = now(page)
    lab.command(page, "notebook:run-cell")
    points, colored = mark_after(page, "first-frame", start), mark_after(page, "recolored", start)
    page.wait_for_selector(".fs-workbench[data-ready]")
    return {
        "points": points / 1000,
        "colored": colored / 1000,
        "trace": mark_after(page, "trace", start) / 1000,
    }


def pan(page: Any, turn: int) -> list[float]:
    """Seconds between frames while the mouse drags the map to and fro, after the wheel has zoomed in."""
    box = page.locator(".fs-map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -120 if turn % 2 else 120)
    page.mouse.down()
    page.evaluate(
        """() => { window.gaps = []; let last = performance.now(); window.panning = true;
            const step = (t) => { gaps.push(t - last); last = t; if (window.panning) requestAnimationFrame(step); };
            requestAnimationFrame((t) => { last = t; requestAnimationFrame(step); }); }"""
    )
    page.mouse.move(x + 160, y + 60, steps=40)
    page.mouse.move(x, y, steps=40)
    gaps = page.evaluate("() => { window.panning = false; return gaps; }")
    page.mouse.up()
    page.wait_for_timeout(400)
    return [float(gap) / 1000 for gap in gaps]


def lasso(page: Any, size: float) -> float:
    """Seconds from letting the mouse go to the answer that Python gives once it holds the selection."""
    box = page.locator(".fs-map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.keyboard.down("Shift")
    page.mouse.move(x - size, y)
    page.mouse.down()
    for dx, dy in ((0, -size), (size, 0), (0, size), (-size, 0)):
        page.mouse.move(x + dx, y + dy, steps=12)
    start = now(page)
    page.mouse.up()
    page.keyboard.up("Shift")
    released = start + mark_after(page, "lasso-released", start)
    return mark_after(page, "lasso-in-python", released) / 1000


def recolor(page: Any, by: str) -> float:
    """Seconds from choosing a colour to the recoloured map."""
    start = float(
        page.evaluate(
            """(by) => { const s = document.querySelector('.fs-map-pane select'); const t = performance.now();
                s.value = by; s.dispatchEvent(new Event('change')); return t; }""",
            by,
        )
    )
    return mark_after(page, "recolored", start) / 1000


def next_trace(page: Any) -> float:
    """Seconds from the key to the next trace's text on the screen."""
    page.keyboard.press("j")
    pressed = float(page.evaluate("window.pressed"))
    taken = mark_after(page, "trace", pressed) / 1000
    page.wait_for_timeout(250)  # a reader reads; the traces ahead are fetched meanwhile
    return taken


def measure(points: int, repeats: int) -> dict[str, Any]:
    """All the times, in seconds."""
    from tests.workbench.lab import Lab, browser

    real = SHARED / "alpaca_eval.parquet"
    with tempfile.TemporaryDirectory() as folder:
        setup = SETUP.format(
            points=points,
            shared=str(real) if real.exists() else "",
            sample=str(ROOT / "sample_data" / "support_bot.jsonl.gz"),
            folder=folder,
        )
        with Lab(folder) as lab, browser() as chromium:
            page = chromium.new_page(viewport={"width": 1600, "height": 1000})
            name = lab.notebook("speed.ipynb", [setup, SHOW])
            lab.open(page, name)
            lab.run_all(page, timeout=600)
            page.wait_for_selector(".fs-workbench[data-ready]")
            frames = [first_frame(lab, page) for _ in range(repeats)]
            page.evaluate("document.querySelector('.fs-workbench').scrollIntoView({block: 'center'})")
            page.evaluate(
                "() => document.addEventListener('keydown', (e) => { window.pressed = e.timeStamp; }, true)"
            )
            pans = [gap for turn in range(repeats) for gap in pan(page, turn)]
            lassos, selected = [], []
            for k in range(repeats):
                lassos.append(lasso(page, 60 + 10 * k))
                selected.append(int(lab.kernel(name, "len(bench.selected)")))
            page.locator(".fs-workbench").focus()
            page.keyboard.press("Escape")
            recolors = [recolor(page, COLORS[k % len(COLORS)]) for k in range(max(repeats, len(COLORS)))]
            page.locator(".fs-workbench").focus()
            page.keyboard.press("g")
            page.wait_for_timeout(500)
            nexts = [next_trace(page) for _ in range(4 * repeats)]
    return {
        "points": points,
        "outputs": "alpaca_eval" if real.exists() else "sample data",
        "first frame": [f["colored"] for f in frames],
        "first frame, grey": [f["points"] for f in frames],
        "first trace": [f["trace"] for f in frames],
        "pan, a frame": pans,
        "lasso to Python": lassos,
        "points in the lasso": selected,
        "recolour": recolors,
        "next trace": nexts,
    }


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description="the workbench's speed in a headless browser")
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    results = measure(options.points, options.repeats)
    rows = [
        {
            "points": f"{options.points:,}",
            "what": what,
            "median, ms": statistics.median(results[what]) * 1000,
            "worst, ms": max(results[what]) * 1000,
            "wanted, ms": limit * 1000,
        }
        for what, limit in LIMITS.items()
    ]
    print(table(rows))
    save("workbench", results)


if __name__ == "__main__":
    main()
