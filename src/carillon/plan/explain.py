"""What becomes of each email of one contact over the next year, and why: in words and dates.

Pure, and asks only what the planner asks: the working set of a frame of one row, `place`, `smooth`,
`choose` and the windows. What is stored is what will happen; the rest says why, and what the next run
would make of it. Words for people are made here, so that every face says the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from carillon.days import FAR, NO_DAY, date_of, day_number
from carillon.keys import event_of, is_followup, kind_of
from carillon.plan import candidates
from carillon.plan.choose import choose
from carillon.plan.ledger import Ledger
from carillon.plan.place import LAST_EXCLUSION, place
from carillon.plan.rows import Rows, Stored, Wanted, find
from carillon.plan.spread import smooth
from carillon.plan.why import Why, dated, listed, name_of
from carillon.plan.working import Task, Working
from carillon.settings import StateRules
from carillon.store.people import Left, Profile
from carillon.words import Kind, SkipReason, Status

YEAR = 365
BACK_DAYS = 90
"""How far explanations look back."""
