"""Which inputs ask the same: hides what is kept of 100,000 examples so that one is compared in a moment."""
