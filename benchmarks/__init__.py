"""Measurements behind the claims: each module prints a table and leaves a JSON file in ``benchmarks/results``."""
