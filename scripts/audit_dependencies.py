"""Look up known vulnerabilities of the pinned packages with pip-audit; where its database cannot be reached, say so loudly.

    python scripts/audit_dependencies.py

Exit status 0: none is known, or the database could not be asked (a banner says which); 1: some are known.
pip-audit lives in an environment of its own, so that nothing of it is installed beside failscope.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv-audit"
PINNED = "pip-audit==2.9.0"
WAIT_S = 240


def main() -> int:
    """Audit constraints.txt."""
    tool = HOME / "bin" / "pip-audit"
    try:
        if not tool.exists():
            venv.create(HOME, with_pip=True)
            pip = [HOME / "bin" / "python", "-m", "pip", "install", "--quiet", PINNED]
            subprocess.run(pip, check=True, timeout=WAIT_S)
        done = subprocess.run(
            [
                tool,
                "-r",
                ROOT / "constraints.txt",
                "--no-deps",
                "--disable-pip",
                "--format",
                "json",
                "--progress-spinner",
                "off",
            ],
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return _skipped(f"pip-audit cannot be installed or run ({error})")
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return _skipped(f"its database cannot be reached ({last[:300]})")
    found = [(p["name"], p["version"], v) for p in packages for v in p.get("vulns", ())]
    aside = [p["name"] for p in packages if p.get("skip_reason")]
    if len(aside) == len(packages):
        return _skipped("its database knows none of the packages, so it is not the real one")
    if aside:
        print(f"not in the database: {', '.join(aside)}")
    for name, version, known in found:
        fixed = ", ".join(known["fix_versions"]) or "no release"
        print(f"{name} {version}: {known['id']}, mended in {fixed}")
    print(f"{len(packages) - len(aside)} pinned packages looked up, {len(found)} known vulnerabilities")
    return 1 if found else 0


def _skipped(why: str) -> int:
    bar = "!" * 78
    print(f"{bar}\nDEPENDENCIES WERE NOT AUDITED: {why}\n{bar}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
