"""Accounts: who mail is sent from, how each is doing, and whether it works."""

from carillon.web.pages.accounts import listing, one

__all__ = ["listing", "one"]
