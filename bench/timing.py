"""`python -m bench.timing`: what the right hour is worth, on simulated readers whose habits are known.

Emails come up at random moments of 90 days and may leave at any business hour of the next two days. Each
rule meets the same emails and the same readers; what counts is the replies to be expected at the hours it
chose, as a share of those at the best hours there were (regret is what lacks to 1). Answers are known three
days later. A tenth of the emails is held out and leaves at an hour drawn by chance: the lift against them
is what a report would show.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import cache
from itertools import product

import numpy as np
from rich.console import Console
from rich.table import Table

from carillon.pace.besttime import PROFILE_PERCENT, Belief, Seen, belief, choose, default_profile

DAYS, KNOWN_AFTER_HOURS, LEVEL, HELD_OUT = 90, 72, 0.08, 0.1
MONDAY = datetime(2026, 1, 5)
HOURS = range(9, 18)
SIZES = {200: 40, 2_000: 20, 20_000: 4}
"""Emails, and how often each is simulated."""
CURVES = {
    "as the profile": [PROFILE_PERCENT[hour] for hour in HOURS],
    "always the same": [1] * 9,
    "early": [22, 18, 12, 9, 7, 6, 6, 5, 5],
    "late": [5, 5, 6, 6, 8, 8, 11, 18, 23],
    "at noon": [6, 7, 10, 20, 19, 8, 7, 7, 6],
    "against the profile": [1 / PROFILE_PERCENT[hour] for hour in HOURS],
    "on Tuesdays": [1] * 9,
    "no rule to it": [1] * 9,
}
RULES = ("always 9 o'clock", "uniform", "default profile", "raw rate, 5 or more", "best", "explore")


@cache
def readers(shape: str) -> np.ndarray:
    """Their true reply rates, shape (7, 24)."""
    week = np.tile(np.array(CURVES[shape], float), (5, 1))
    if shape == "on Tuesdays":
        week[1] *= 1.8
        week[4] *= 0.4
    if shape == "no rule to it":
        week = np.random.default_rng(5).gamma(6, 1, (5, 9))
    table = np.zeros((7, 24))
    table[:5, 9:18] = week / week.mean() * LEVEL
    return table


@cache
def candidates(hour_of_week: int) -> tuple[datetime, ...]:
    """Business hours from one to 48 hours later; of none, the next working day's first."""
    now = MONDAY + timedelta(hours=hour_of_week)
    ahead = [now + timedelta(hours=hours) for hours in range(2, 49)]
    found = tuple(at for at in ahead if at.weekday() < 5 and at.hour in HOURS)
    if found:
        return found
    return next(
        (at,) for h in range(49, 120) if (at := now + timedelta(hours=h)).hour == 9 and at.weekday() < 5
    )


def simulate(shape: str, emails: int, rule: str, seed: int) -> tuple[float, float, float]:
    """Replies to be expected, at the best hours there were, and the lift against the emails held out."""
    chance, truth = np.random.default_rng(seed), readers(shape)
    moments = np.sort(chance.uniform(0, DAYS * 24, emails))
    luck, held_out = chance.random(emails), chance.random(emails) < HELD_OUT
    seen, known, waiting, day = Seen.nothing(), belief(Seen.nothing()), [], -1
    expected = best = 0.0
    replies, counts = {True: 0, False: 0}, {True: 0, False: 0}
    for number, moment in enumerate(moments.tolist()):
        if int(moment // 24) != day:
            day = int(moment // 24)
            while waiting and waiting[0][0] < moment - KNOWN_AFTER_HOURS:
                _, at, answered = waiting.pop(0)
                seen.sent[at.weekday(), at.hour] += 1
                seen.answered[at.weekday(), at.hour] += answered
            known = belief(seen) if rule in ("best", "explore") else known
        open_ = candidates(int(moment) % 168)
        hour = open_[pick(rule, open_, seen, known, seed * 1_000_003 + number, chance)]
        rates = [truth[at.weekday(), at.hour] for at in open_]
        rate = truth[hour.weekday(), hour.hour]
        expected, best = expected + rate, best + max(rates)
        answered = bool(luck[number] < (np.mean(rates) if held_out[number] else rate))
        replies[bool(held_out[number])] += answered
        counts[bool(held_out[number])] += 1
        waiting.append((moment, hour, luck[number] < rate))
    shares = [replies[held] / max(1, counts[held]) for held in (False, True)]
    return expected, best, shares[0] / shares[1] - 1 if shares[1] else float("nan")


def pick(
    rule: str,
    open_: tuple[datetime, ...],
    seen: Seen,
    known: Belief,
    seed: int,
    chance: np.random.Generator,
) -> int:
    """The place of the hour that a rule takes."""
    drawn = int(chance.integers(len(open_)))
    if rule == "uniform":
        return drawn
    if rule in ("best", "explore"):
        return choose(open_, known, frozenset(), seed if rule == "explore" else None)
    scores: dict[str, Callable[[datetime], float]] = {
        "always 9 o'clock": lambda at: at.hour == 9,
        "default profile": lambda at: default_profile()[at.weekday(), at.hour],
        "raw rate, 5 or more": lambda at: raw(seen, at),
    }
    values = [scores[rule](at) for at in open_]
    return values.index(max(values))


def raw(seen: Seen, at: datetime) -> float:
    """What was answered of what was sent at that hour, from five emails on; else the profile's rate."""
    sent = float(seen.sent[at.weekday(), at.hour])
    if sent < 5:
        return PROFILE_PERCENT[at.hour] / 100
    return float(seen.answered[at.weekday(), at.hour]) / sent


def job(task: tuple[int, str, str]) -> tuple[tuple[int, str, str], list[tuple[float, float, float]]]:
    emails, shape, rule = task
    return task, [simulate(shape, emails, rule, 100 + turn) for turn in range(SIZES[emails])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emails", type=int, nargs="+", default=list(SIZES), choices=list(SIZES))
    options, console, results = parser.parse_args(), Console(stderr=True), []
    with ProcessPoolExecutor() as pool:
        found = dict(pool.map(job, product(options.emails, CURVES, RULES)))
    for emails in options.emails:
        table = Table(
            "readers answer", *RULES, title=f"{emails:,} emails: share of the best possible replies"
        )
        gains: dict[str, list[float]] = {rule: [] for rule in RULES}
        for shape in CURVES:
            shares = {rule: [got / most for got, most, _ in found[emails, shape, rule]] for rule in RULES}
            table.add_row(shape, *(f"{np.mean(shares[rule]):.3f}" for rule in RULES))
            for rule in RULES:
                pairs = zip(shares["explore"], shares[rule], strict=True)
                gains[rule] += [mine / other - 1 for mine, other in pairs]
            lift = float(np.nanmean([one[2] for one in found[emails, shape, "explore"]]))
            results.append(
                {"emails": emails, "readers": shape, "lift_over_held_out": lift}
                | {rule: float(np.mean(shares[rule])) for rule in RULES}
            )
        certain = {rule: 1.96 * np.std(all_) / len(all_) ** 0.5 for rule, all_ in gains.items()}
        table.add_section()
        table.add_row(
            "explore gains, %",
            *(f"{100 * np.mean(gains[rule]):+.1f} ± {100 * certain[rule]:.1f}" for rule in RULES),
        )
        console.print(table)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
