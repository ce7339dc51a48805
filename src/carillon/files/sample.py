"""A contact list made up for demonstrations: mostly good, a little messy, the same for the same seed.

Nobody in it exists: names are drawn from lists of our own and every address is under example.com.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

HEADER = (
    "Policy ID", "First Name", "Last Name", "E-Mail", "Phone", "Date of Birth", "State", "ZIP",
    "Policy Effective Date",
)  # fmt: skip
SHOWN = "maria.alvarez@example.com"
"""A Californian whose birthday email is held back by the birthday window, with a post-window email later."""

SHARED = "webers@example.com"
"""The address of a couple, each with a policy of their own."""

FIRST_NAMES = (
    "Ada", "Albert", "Alice", "Amir", "Anita", "Arthur", "Beatrice", "Benjamin", "Carla", "Carlos",
    "Cecilia", "Chen", "Clara", "Daniel", "Deborah", "Dmitri", "Edith", "Elena", "Emil", "Esther",
    "Fatima", "Felix", "Frances", "George", "Grace", "Hana", "Harold", "Helen", "Hugo", "Ines", "Irene",
    "Isaac", "Ivan", "Jamal", "Jane", "Joaquin", "Judith", "Kenji", "Laura", "Leon", "Lin", "Lucia",
    "Mabel", "Marcus", "Margaret", "Mateo", "Mei", "Miriam", "Nadia", "Nora", "Oscar", "Pablo", "Paula",
    "Priya", "Rafael", "Rosa", "Ruth", "Samuel", "Sofia", "Stella", "Tariq", "Teresa", "Thomas", "Viola",
    "Walter", "Yusuf",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Acosta", "Adler", "Ahmed", "Baker", "Barros", "Becker", "Bennett", "Bishop", "Boyd",
    "Burke", "Carter", "Castillo", "Chandra", "Chavez", "Cohen", "Cole", "Cruz", "Dawson", "Delgado",
    "Diaz", "Doyle", "Dunn", "Ellis", "Espinoza", "Farrell", "Fischer", "Flores", "Foster", "Frost",
    "Gibson", "Gupta", "Hale", "Hansen", "Hayes", "Hernandez", "Holt", "Huang", "Ibrahim", "Jensen",
    "Kaplan", "Keller", "Khan", "Kim", "Kowalski", "Lambert", "Lowe", "Marsh", "Mendez", "Meyer",
    "Moreno", "Nakamura", "Nguyen", "Novak", "Okafor", "Olsen", "Ortiz", "Owens", "Patel", "Pierce",
    "Quinn", "Ramos", "Reed", "Rios", "Romero", "Rowe", "Santos", "Schmidt", "Silva", "Singh", "Stone",
    "Tanaka", "Torres", "Vargas", "Vogel", "Walsh", "Weber", "Wong", "Young", "Zamora",
)  # fmt: skip
ZIPS = {
    "AL": (15, ("35203", "36104")), "AZ": (23, ("85004", "85701")), "AR": (9, ("72201",)),
    "CA": (117, ("90001", "90210", "92101", "94103", "95814")), "CO": (18, ("80202", "80903")),
    "CT": (11, ("06103", "06510")), "DC": (2, ("20001",)), "FL": (68, ("33101", "32801", "33602")),
    "GA": (33, ("30303", "31401")), "ID": (6, ("83702",)), "IL": (38, ("60601", "62701")),
    "IN": (20, ("46204",)), "IA": (10, ("50309",)), "KS": (9, ("67202",)), "KY": (14, ("40202", "40507")),
    "LA": (14, ("70112",)), "ME": (4, ("04101",)), "MD": (19, ("21201", "21401")),
    "MA": (21, ("02108", "01608")), "MI": (30, ("48226", "49503")), "MN": (17, ("55401",)),
    "MS": (9, ("39201",)), "MO": (19, ("63101", "64106")), "MT": (3, ("59101",)), "NE": (6, ("68102",)),
    "NV": (10, ("89101", "89501")), "NH": (4, ("03101",)), "NJ": (28, ("07302", "08608")),
    "NM": (6, ("87102",)), "NY": (59, ("10001", "11201", "14202")), "NC": (32, ("28202", "27601")),
    "OH": (35, ("43215", "44113")), "OK": (12, ("73102", "74103")), "OR": (13, ("97201", "97301")),
    "PA": (39, ("19103", "15222")), "RI": (3, ("02903",)), "SC": (16, ("29201",)), "TN": (21, ("37203",)),
    "TX": (90, ("75201", "77002", "78701")), "UT": (10, ("84101",)), "VA": (26, ("23219", "22314")),
    "VT": (2, ("05401",)), "WA": (23, ("98101", "99201")), "WV": (5, ("25301",)), "WI": (18, ("53202",)),
}  # fmt: skip
"""State -> its weight, roughly by population, and some of its ZIPs."""


@dataclass(frozen=True)
class _Person:
    policy: str
    first: str
    last: str
    email: str
    phone: str
    birth: str
    state: str
    zip_code: str
    effective: str

    def row(self) -> tuple[str, ...]:
        return tuple(self.__dict__.values())


def write_sample(path: Path, today: date, contacts: int = 3000, seed: int = 7) -> int:
    """Write the list as CSV, a spreadsheet's way. Returns the number of rows."""
    rows = [person.row() for person in _people(today, contacts, Random(seed))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return len(rows)


def _people(today: date, contacts: int, chance: Random) -> list[_Person]:
    found = [_person(n, today, chance) for n in range(contacts)]
    found[17] = _shown(found[17], today)
    found[98] = replace(found[98], first="Ruth", last="Weber", email=SHARED)
    found[99] = replace(found[98], first="Walter", policy=found[99].policy, birth=found[99].birth)
    # A couple shares an address and a house; each has a policy of their own.
    for n in range(200, contacts, 60):
        one, two = found[n - 1], found[n]
        found[n] = replace(
            two, last=one.last, email=one.email, phone=one.phone, state=one.state, zip_code=one.zip_code
        )
    for n in range(50, contacts, 40):
        found[n] = _spoilt(found[n], found[n - 3], (n - 50) // 40)
    return found


def _person(n: int, today: date, chance: Random) -> _Person:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    states = list(ZIPS)
    state = chance.choices(states, [weight for weight, _ in ZIPS.values()])[0]
    age = min(90, max(20, round(chance.gauss(63, 14))))
    birth = today - timedelta(days=age * 365 + chance.randrange(365))
    # Most policies begin on the first of a month.
    begun = today - timedelta(days=chance.randrange(60, 12 * 365))
    if chance.random() < 0.7:
        begun = begun.replace(day=1)
    return _Person(
        f"P-{10_000 + n}",
        first,
        last,
        f"{first}.{last}{n}@example.com".lower(),
        f"({chance.randrange(201, 990)}) 555-{chance.randrange(100, 200):04d}",
        f"{birth.month}/{birth.day}/{birth.year}",
        state,
        chance.choice(ZIPS[state][1]),
        begun.isoformat(),
    )


def _shown(person: _Person, today: date) -> _Person:
    birthday = today + timedelta(days=100)
    anniversary = today + timedelta(days=290)
    return replace(
        person,
        first="Maria",
        last="Alvarez",
        email=SHOWN,
        birth=f"{birthday.month}/{min(birthday.day, 28)}/{birthday.year - 66}",
        state="CA",
        zip_code="90210",
        effective=anniversary.replace(year=anniversary.year - 4, day=min(anniversary.day, 28)).isoformat(),
    )


def _spoilt(person: _Person, other: _Person, turn: int) -> _Person:
    """One of the faults real lists have, by turns."""
    faults = (
        replace(person, email=""),
        replace(person, email=person.email.replace("@", " at ")),
        replace(person, birth="2/30/1958"),
        replace(person, birth="unknown"),
        replace(person, effective="13/45/2020"),
        replace(person, zip_code=person.zip_code.lstrip("0")),
        replace(person, zip_code=""),
        replace(person, zip_code="ABCDE"),
        replace(person, state="TX" if person.state != "TX" else "FL"),
        replace(person, email=f"  {person.email.upper()} "),
        replace(other, phone=person.phone),
        replace(person, birth=""),
    )
    return faults[turn % len(faults)]
