"""Write the sample log and its planted truth: hides where the two files are and how they are compared.

python sample_data/make_support_bot.py           writes support_bot.jsonl.gz and support_bot_truth.csv
python sample_data/make_support_bot.py --check   writes nothing; exits 1 when the committed files differ
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOG = HERE / "support_bot.jsonl.gz"
TRUTH = HERE / "support_bot_truth.csv"

sys.path.insert(0, str(HERE))  # the generator is a folder beside this script, not an installed package

from generator.log import as_csv, as_gzip, as_jsonl, records  # noqa: E402


def main() -> int:
    """Write or check the two files; the exit status is 0 when they hold what the generator makes."""
    parser = argparse.ArgumentParser(description="Make the sample log of a fictional support assistant.")
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files and write nothing"
    )
    check = parser.parse_args().check
    rows, truth = records()
    log, labels = as_jsonl(rows), as_csv(truth)
    if not check:
        LOG.write_bytes(as_gzip(log))
        TRUTH.write_bytes(labels)
    # The unpacked log is compared: builds of zlib may pack the same bytes differently.
    differing = [
        path.name
        for path, want, have in ((LOG, log, _unpacked(LOG)), (TRUTH, labels, _bytes(TRUTH)))
        if want != have
    ]
    for name in differing:
        print(
            f"{name} is not what the generator makes; run python sample_data/make_support_bot.py and commit both files"
        )
    print(
        f"{len(rows)} traces, log sha256 {hashlib.sha256(log).hexdigest()}, {LOG.stat().st_size:,} bytes packed"
    )
    return 1 if differing else 0


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.exists() else b""


if __name__ == "__main__":
    raise SystemExit(main())
