"""Templates: what is written, which version emails take, and how it looks to somebody real."""

from carillon.web.pages.templates import editor, listing

__all__ = ["editor", "listing"]
