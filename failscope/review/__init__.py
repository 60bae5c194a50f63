"""People judge: which traces to read and why, the session, what was said, numbers from it."""
