"""Advance: one contact's way through a sequence, step by step."""
