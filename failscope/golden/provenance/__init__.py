"""The path by which an example came into a golden set, as a card and as W3C PROV."""
