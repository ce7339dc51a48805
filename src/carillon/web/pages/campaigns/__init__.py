"""Campaigns: what they are, whom they go to, what becomes of them.

listing    /campaigns: campaigns, types, outreach campaigns, changes
detail     /campaigns/{id}: one campaign                      overview   its figures, fields and days
targets    whom it goes to                                    lists      targets out of an uploaded list
skipped    who is skipped, and why                            kinds      types, and which wins
outreach   campaigns that sequences belong to                 changes    what was changed by whom
forms      a campaign or a type in fields                     deeds      what can be done with one
"""

from __future__ import annotations

from carillon.web.pages.campaigns import detail, listing

__all__ = ["detail", "listing"]
