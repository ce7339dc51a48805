"""Looks on: reads and reports, decides nothing."""
