"""Compile what numba caches, once after installation, so that the first clustering does not wait for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

import failscope as fs


def main() -> None:
    """Cluster a few hundred made-up traces with the default settings."""
    rng = np.random.default_rng(0)
    words = np.array(
        ["order", "refund", "card", "screen", "update", "battery", "delivery", "price", "plan", "account"]
    )
    texts = [" ".join(rng.choice(words, 12)) for _ in range(600)]
    log = pd.DataFrame({"input": texts[::2], "output": texts[1::2]})
    fs.cluster(fs.Traces.from_frame(log), progress=False).summary()


if __name__ == "__main__":
    main()
