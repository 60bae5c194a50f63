"""Whether a golden set is still about production: shares, gaps, stale examples, drift."""
