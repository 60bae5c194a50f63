"""Cases that must not fail again: immutable versions, provenance, export."""
