"""Templates: what is written, which version emails take, and how it looks to somebody real."""

from carillon.web.pages.templates.editor import template
from carillon.web.pages.templates.listing import templates

__all__ = ["template", "templates"]
