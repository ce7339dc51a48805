"""Benchmarks. Each prints a table and JSON; everything is a ratio within one run on one machine."""
