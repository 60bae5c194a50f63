"""Fail when the committed widget bundle is not what its sources build."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

WIDGET = Path(__file__).resolve().parents[1] / "failscope" / "workbench"


def main() -> int:
    """Build into a temporary folder and compare."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "run", "--silent", "build", "--", f"--outdir={folder}"], cwd=WIDGET, check=True
        )
        built = {p.name: p.read_bytes() for p in Path(folder).iterdir()}
    kept = {p.name: p.read_bytes() for p in (WIDGET / "static").iterdir()}
    if built == kept:
        print("the committed bundle is current")
        return 0
    stale = sorted(name for name in built.keys() | kept.keys() if built.get(name) != kept.get(name))
    print(f"the committed bundle is stale ({', '.join(stale)}); run: make widget", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
