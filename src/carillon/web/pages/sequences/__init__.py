"""Sequences: what they say, who is on the way, what comes back.

listing   /sequences                              fresh      /sequences/new: short form, drawn, from a file
one       /sequences/{id}: steps, people, report, file
builder   where one is drawn                      canvas     the steps as they are seen
panel     a step's settings                       panel_email, panel_condition: of these two
rules     the sequence's own settings             file       as YAML
begin     the activation                          runs       paused, resumed, archived
enroll    people put in                           people     their table, history and way out
report    rates                                   words      how it all is told
"""

# The order counts: /sequences/new is no sequence's id.
from carillon.web.pages.sequences.fresh import new
from carillon.web.pages.sequences.listing import listing
from carillon.web.pages.sequences.one import one

__all__ = ["listing", "new", "one"]
