"""Open the main job in JupyterLab, or run it headless to the end (``--no-browser``) and say where the results are."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
WORKSPACE = NOTEBOOKS / "reviews" / "support-bot"


def main() -> int:
    """Read the arguments and do the one or the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--no-browser", action="store_true", help="run the notebooks headless and print where the results are"
    )
    return run_headless() if parser.parse_args().no_browser else open_lab()


def open_lab() -> int:
    """JupyterLab on the first notebook; it runs until it is closed."""
    first = "/lab/tree/notebooks/01_explore.ipynb"  # in the printed address too, for who opens it by hand
    lab = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        f"--LabApp.default_url={first}",
        f"--ServerApp.root_dir={ROOT}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        lab.append("--allow-root")
    return subprocess.call(lab, cwd=ROOT)


def run_headless() -> int:
    """Every notebook from top to bottom in a fresh kernel; the executed copies are kept beside the workspace."""
    import nbformat
    from nbclient import NotebookClient

    import failscope as fs

    executed = NOTEBOOKS / "reviews" / "executed"
    executed.mkdir(parents=True, exist_ok=True)
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        begin = time.perf_counter()
        print(f"{path.name} ...", end=" ", flush=True)
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
        nbformat.write(notebook, executed / path.name)
        print(f"{time.perf_counter() - begin:.1f} s")
    ws = fs.Workspace(WORKSPACE)
    print(f"executed notebooks  {executed.relative_to(ROOT)}")
    print(f"workspace           {WORKSPACE.relative_to(ROOT)}: {ws!r}")
    for name in ws.golden_sets():
        golden = ws.golden(name)
        print(f"golden set          {golden.folder.relative_to(ROOT)}: {golden!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
