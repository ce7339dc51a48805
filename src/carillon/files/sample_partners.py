"""A second list made up for demonstrations: people at agencies and firms, as outreach writes to them.

Nobody in it exists: names are those of `sample`, and every address is under example.net or example.org.
"""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random

from carillon.files.sample import FIRST_NAMES, LAST_NAMES

HEADER = (
    "First Name", "Last Name", "E-Mail", "Job Title", "Company", "Industry", "State", "ZIP", "Timezone",
    "Tags",
)  # fmt: skip
COMPANIES = (
    ("Bluebird Benefits", "Insurance agency", "PA"),
    ("Cedar & Vale Insurance", "Insurance agency", "IL"),
    ("Granite Peak Advisors", "Financial advice", "CO"),
    ("Harbor Light Brokers", "Insurance agency", "PA"),
    ("Juniper Payroll", "Payroll and HR", "AZ"),
    ("Lakeside Senior Living", "Senior care", "IL"),
    ("Meridian Wealth", "Financial advice", "PA"),
    ("Northfield Clinics", "Health care", "IL"),
    ("Oak Street Accounting", "Accounting", "PA"),
    ("Pinewood Home Care", "Senior care", "AZ"),
    ("Redwood Coverage", "Insurance agency", "AZ"),
    ("Saltmarsh Partners", "Financial advice", "PA"),
    ("Sunrise Benefits Group", "Insurance agency", "AZ"),
    ("Tall Pines Tax", "Accounting", "CO"),
    ("Valley Health Network", "Health care", "AZ"),
    ("Willow Creek HR", "Payroll and HR", "IL"),
)
PLACES = {
    "PA": ("19103", "America/New_York"),
    "IL": ("60601", "America/Chicago"),
    "CO": ("80202", "America/Denver"),
    "AZ": ("85004", "America/Phoenix"),
}
"""State -> ZIP and zone. None of them has windows that depend on dates nobody knows of a firm's people."""
TITLES = (
    "Owner", "Managing Partner", "Head of Partnerships", "Benefits Manager", "Office Manager",
    "Director of Operations", "Senior Broker", "Practice Lead",
)  # fmt: skip
TAGS = {"partners": 72, "trade fair": 24, "webinar": 24}
"""Tag -> how many have it, in the order of the list."""


def write_partners(path: Path, seed: int = 11) -> dict[str, list[str]]:
    """Write the list as CSV. Returns the addresses, by tag."""
    chance = Random(seed)
    found: dict[str, list[str]] = {tag: [] for tag in TAGS}
    rows = []
    for n, tag in enumerate(tag for tag, many in TAGS.items() for _ in range(many)):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        company, industry, state = COMPANIES[(n * 7 + chance.randrange(3)) % len(COMPANIES)]
        place = "".join(letter for letter in company.lower() if letter.isalnum())
        top = "example.org" if n % 5 == 0 else "example.net"
        email = f"{first}.{last}{n}@{place}.{top}".lower()
        found[tag].append(email)
        zip_code, zone = PLACES[state]
        title = chance.choice(TITLES)
        rows.append((first, last, email, title, company, industry, state, zip_code, zone, tag))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return found
