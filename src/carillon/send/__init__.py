"""Render, deliver, record: what is due leaves, at most once."""
