"""What mail servers say when they refuse: words and codes that mean the same wherever they are read.

What belongs here: patterns shared by those who hear a refusal at once (transports) and those who read it in
a report later (`listen`). What does not: what follows from it.
"""

from __future__ import annotations

import re

ENHANCED = re.compile(r"(?<![0-9A-Za-z.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?!\.?[0-9A-Za-z])")
"""An enhanced status code (RFC 3463); no part of an IP address or a version."""
NOBODY = re.compile(
    r"(?:no such|unknown|invalid|non-?existent|not a valid) (?:local )?"
    r"(?:user|recipient|mailbox|address|account|person)"
    r"|(?:user|recipient|mailbox|address|account)\b.{0,80}?"
    r"(?:unknown|not found|not known|(?:does not|doesn't) exist|not exist)"
    r"|no mailbox (?:here )?by that name",
    re.IGNORECASE,
)
"""The address does not exist."""
