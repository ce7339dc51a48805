"""Sequences: the list (`listing`), one of them (`one`), and the place where they are drawn (`builder`)."""

from carillon.web.pages.sequences import fresh, listing, one

__all__ = ["fresh", "listing", "one"]
