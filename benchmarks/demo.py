"""From ``make demo``'s server start to a workbench that shows its first trace, in a real JupyterLab: first and second time.

    python -m benchmarks.demo

The notebooks run in a copy of the project's notebooks and sample data, so nobody's workspace is touched.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import ROOT, save, table

sys.path.insert(0, str(ROOT))


def main() -> None:
    """Measure twice over one folder, print, save."""
    from tests.workbench.lab import Lab, browser

    with tempfile.TemporaryDirectory() as folder:
        for name in ("notebooks", "sample_data"):
            shutil.copytree(
                ROOT / name,
                Path(folder) / name,
                ignore=shutil.ignore_patterns("reviews", "generator", "*.py"),
            )
        rows = []
        for turn in ("first", "second"):
            begin = time.perf_counter()
            with Lab(folder) as lab, browser() as chromium:
                page = chromium.new_page(viewport={"width": 1600, "height": 1000})
                lab.open(page, "notebooks/01_explore.ipynb")
                opened = time.perf_counter() - begin
                lab.run_all(page, wait=False)
                page.wait_for_selector(".failscope .fs-reading [data-trace]", timeout=180_000)
                rows.append(
                    {"time": turn, "Lab open, s": opened, "workbench ready, s": time.perf_counter() - begin}
                )
    print(table(rows))
    save("demo", {"runs": rows})


if __name__ == "__main__":
    main()
