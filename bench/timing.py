"""`python -m bench.timing`: what the right hour is worth, on simulated readers whose habits are known.

Emails come up at random hours of 90 days and may leave at any business hour of the next two days. Each rule
meets the same emails and the same readers; what counts is the replies to be expected at the hours it chose,
as a share of those at the best hours there were (regret is what lacks to 1). Answers are known three days
later, beliefs are formed anew each day. All runs of a shape go on at once: tables have the runs in front.

`explore` is told with and without a hold-out: with it a tenth of the emails go at an hour of chance, and the
report's own `Lift` compares the two sides of each run; whether its interval holds what is true is told too.

The constants of `carillon.besttime` were chosen on `TUNING` (`--shapes tuning`); what they are worth is
read off `JUDGING`, which they have not seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.timing_lift import Side, lift_table, reported
from carillon.besttime import PROFILE_PERCENT, Belief, Seen, belief, default_profile, drawn

DAYS, KNOWN_AFTER_DAYS, LEVEL = 90, 3, 0.08
HOURS = range(9, 18)
SIZES = {200: 400, 2_000: 200, 6_000: 80, 20_000: 40}
"""Emails, and how often each is simulated."""
EXPLORE, HOLD_OUT = "explore", "with a hold-out"
HELD_SHARE = 0.1
RULES = ("always 9 o'clock", "uniform", "default profile", "raw rate, 5 or more", "best", EXPLORE)
SLACK = 0.02
"""More than this `explore` must not lose to a rule whose luck it is to fit a shape."""

_PROFILE = [PROFILE_PERCENT[hour] for hour in HOURS]
JUDGING = {
    "as the profile": _PROFILE,
    "always the same": [1] * 9,
    "early": [22, 18, 12, 9, 7, 6, 6, 5, 5],
    "late": [5, 5, 6, 6, 8, 8, 11, 18, 23],
    "at noon": [6, 7, 10, 20, 19, 8, 7, 7, 6],
    "against the profile": [1 / one for one in _PROFILE],
    "on Tuesdays": [1] * 9,
    "no rule to it": [1] * 9,
}
TUNING = {
    "the profile, doubled": [one**2 for one in _PROFILE],
    "nearly the same": [10, 10, 11, 11, 10, 10, 11, 10, 10],
    "at ten": [10, 16, 14, 10, 9, 8, 8, 8, 7],
    "at four": [6, 6, 7, 8, 9, 11, 14, 17, 12],
    "twice a day": [16, 9, 6, 6, 8, 9, 15, 10, 6],
    "end of the week": [9, 10, 10, 9, 8, 9, 10, 11, 10],
    "chance A": [1] * 9,
    "chance B": [1] * 9,
}
SHAPES = {"judging": JUDGING, "tuning": TUNING}
_CHANCE = {"no rule to it": 5, "chance A": 11, "chance B": 12}
_WEEK = {"on Tuesdays": [1, 1.8, 1, 1, 0.4], "end of the week": [0.7, 0.8, 1, 1.2, 1.4]}


@cache
def readers(shape: str) -> np.ndarray:
    """Their true reply rates, shape (7, 24)."""
    week = np.tile(np.array((JUDGING | TUNING)[shape], float), (5, 1))
    week *= np.array(_WEEK.get(shape, [1] * 5))[:, None]
    if shape in _CHANCE:
        week = np.random.default_rng(_CHANCE[shape]).gamma(6, 1, (5, 9))
    table = np.zeros((7, 24))
    table[:5, 9:18] = week / week.mean() * LEVEL
    return table


@cache
def candidates() -> tuple[np.ndarray, np.ndarray]:
    """By hour of the week (168): cells of the hours to choose from, and which of them there are.

    Business hours from one to 48 hours later; of none, the next working day's first.
    """
    found = []
    for now in range(168):
        ahead = [hour % 168 for hour in range(now + 1, now + 49)]
        cells = [hour for hour in ahead if hour // 24 < 5 and hour % 24 in HOURS]
        found.append(cells or [9])
    most = max(map(len, found))
    cells = np.array([one + one[:1] * (most - len(one)) for one in found])
    return cells, np.arange(most) < np.array([len(one) for one in found])[:, None]


@dataclass(frozen=True)
class Day:
    """The emails of one day, of all runs: shapes (runs, emails)."""

    now: np.ndarray
    """Hours of the week."""
    luck: np.ndarray
    pick: np.ndarray
    seed: np.ndarray
    held: np.ndarray
    """Whether a rule with a hold-out lets it go at an hour of chance."""


@dataclass(frozen=True)
class Outcome:
    """What became of a rule. Shapes (runs,)."""

    expected: np.ndarray
    """Replies to be expected."""
    best: np.ndarray
    """Those at the best hours there were."""
    sides: tuple[Side, Side]
    """Emails whose hour was chosen, and those that the rule with a hold-out leaves to chance."""


def days(runs: int, emails: int, chance: np.random.Generator) -> Iterator[Day]:
    """What comes up, the same for all rules."""
    per_day = np.diff(np.linspace(0, emails, DAYS + 1).round().astype(int))
    for number, n in enumerate(per_day.tolist()):
        shape = (runs, n)
        hours = chance.integers(0, 24, shape) + number % 7 * 24
        seeds = chance.integers(0, 2**63, shape).astype(np.uint64)
        luck, pick, held = chance.random((3, *shape))
        yield Day(hours, luck, pick, seeds, held < HELD_SHARE)


def simulate(shape: str, emails: int, rule: str, runs: int) -> Outcome:
    """A rule among these readers."""
    truth = readers(shape).ravel()
    cells, there = candidates()
    seen, known = Seen.nothing(runs), belief(Seen.nothing(runs))
    waiting: list[tuple[np.ndarray, np.ndarray]] = []
    best, sides = np.zeros(runs), np.zeros((2, 3, runs))
    run = np.arange(runs)[:, None]
    for day in days(runs, emails, np.random.default_rng(emails)):
        if len(waiting) > KNOWN_AFTER_DAYS:
            sent, answered = waiting.pop(0)
            seen = Seen(seen.sent + sent, seen.answered + answered)
            known = belief(seen) if rule in ("best", EXPLORE, HOLD_OUT) else known
        open_, mask = cells[day.now], there[day.now]
        score = scores(rule, open_, seen, known, day)
        taken = np.where(mask, score, -np.inf).argmax(axis=-1)
        cell = np.take_along_axis(open_, taken[..., None], -1)[..., 0]
        rate = truth[cell]
        answers = day.luck < rate
        for side, mine in enumerate((~day.held, day.held)):
            sides[side] += np.stack([(mine * each).sum(axis=-1) for each in (1, answers, rate)])
        best += np.where(mask, truth[open_], 0).max(axis=-1).sum(axis=-1)
        sent, answered = np.zeros((runs, 168)), np.zeros((runs, 168))
        np.add.at(sent, (run, cell), 1)
        np.add.at(answered, (run, cell), answers)
        waiting.append((sent.reshape(-1, 7, 24), answered.reshape(-1, 7, 24)))
    return Outcome(sides[:, 2].sum(axis=0), best, (Side(*sides[0]), Side(*sides[1])))


def scores(rule: str, open_: np.ndarray, seen: Seen, known: Belief, day: Day) -> np.ndarray:
    """What a rule thinks of each hour; the highest is taken, of equals the first. (runs, emails, hours)."""
    run = np.arange(len(open_))[:, None, None]

    def at(table: np.ndarray) -> np.ndarray:
        return np.broadcast_to(table.reshape(-1, 168), (len(open_), 168))[run, open_]

    if rule == "uniform":
        count = there_are(day.now)[..., None]
        place = np.arange(open_.shape[-1])
        return -np.abs(place - np.floor(day.pick[..., None] * count))
    if rule == "always 9 o'clock":
        return (open_ % 24 == 9).astype(float)
    if rule == "default profile":
        return at(default_profile())
    if rule == "best":
        return at(known.mean)
    if rule == HOLD_OUT:
        by_chance = scores("uniform", open_, seen, known, day)
        return np.where(day.held[..., None], by_chance, scores(EXPLORE, open_, seen, known, day))
    if rule == EXPLORE:
        centre, spread = known.log_odds
        return drawn(at(centre), at(spread), day.seed[..., None], open_.astype(np.uint64))
    sent, answered = at(seen.sent), at(seen.answered)
    return np.where(sent < 5, at(default_profile()), answered / np.maximum(sent, 1))


def there_are(now: np.ndarray) -> np.ndarray:
    counts: np.ndarray = candidates()[1].sum(axis=1)[now]
    return counts


Task = tuple[int, str, str, int]
"""Emails, shape, rule, runs."""


def job(task: Task) -> tuple[tuple[int, str, str], Outcome]:
    emails, shape, rule, runs = task
    return (emails, shape, rule), simulate(shape, emails, rule, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emails", type=int, nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--shapes", default="judging", choices=list(SHAPES))
    parser.add_argument("--quick", action="store_true", help="an eighth of the runs")
    parser.add_argument("--workers", type=int, default=None)
    options, console, results = parser.parse_args(), Console(stderr=True, width=150), []
    shapes = SHAPES[options.shapes]
    with ProcessPoolExecutor(options.workers) as pool:
        runs = {emails: n // 8 if options.quick else n for emails, n in SIZES.items()}
        tasks = [(*task, runs[task[0]]) for task in product(options.emails, shapes, (*RULES, HOLD_OUT))]
        found = dict(pool.map(job, tasks))
    for emails in options.emails:
        title = f"{emails:,} emails, {runs[emails]} runs: share of the best possible replies"
        table = Table("readers answer", *RULES, title=title)
        gains: dict[str, list[np.ndarray]] = {rule: [] for rule in RULES}
        worst: dict[str, tuple[float, str]] = {}
        for shape in shapes:
            most = found[emails, shape, EXPLORE].best
            shares = {rule: found[emails, shape, rule].expected / most for rule in RULES}
            table.add_row(shape, *(f"{shares[rule].mean():.3f}" for rule in RULES))
            for rule in RULES:
                gain = shares[EXPLORE] / shares[rule] - 1
                gains[rule].append(gain)
                worst[rule] = min(worst.get(rule, (np.inf, "")), (float(gain.mean()), shape))
            results.append(
                {"emails": emails, "readers": shape}
                | {"replies": {rule: float(found[emails, shape, rule].expected.mean()) for rule in RULES}}
                | {"regret": {rule: float(1 - shares[rule].mean()) for rule in RULES}}
            )
        table.add_section()
        told = {}
        for rule in RULES:
            # Runs of all shapes meet the same emails: what is compared is each run's mean over the shapes.
            each = np.mean(gains[rule], axis=0)
            told[rule] = (float(each.mean()), float(1.96 * each.std(ddof=1) / len(each) ** 0.5))
        table.add_row(
            f"{EXPLORE} gains, %",
            *(f"{100 * told[rule][0]:+.1f} ± {100 * told[rule][1]:.1f}" for rule in RULES),
        )
        table.add_row("at worst, %", *(f"{100 * worst[rule][0]:+.1f}" for rule in RULES))
        table.add_row("where", *(worst[rule][1] if worst[rule][0] < -SLACK else "" for rule in RULES))
        console.print(table)
        lifts = {shape: reported(*found[emails, shape, HOLD_OUT].sides) for shape in shapes}
        console.print(lift_table(emails, lifts))
        results += [{"emails": emails, "readers": shape} | asdict(one) for shape, one in lifts.items()]
        results.append(
            {"emails": emails, "gain": {rule: told[rule][0] for rule in RULES}}
            | {"plus_minus": {rule: told[rule][1] for rule in RULES}}
            | {"worst": {rule: {"gain": worst[rule][0], "readers": worst[rule][1]} for rule in RULES}}
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
