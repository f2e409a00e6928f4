"""Silence is judged by the feed's own habits: what it never does stands out, what it always does is none."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from models.evidence.feed_silence import FeedSilenceModel, Silence

HOUR, DAY, WEEK = 60, 1440, 10_080

Feed = Callable[[int], bool]


def always(_minute: int) -> bool:
    return True


def office(minute: int) -> bool:
    """Busy from 8 to 18 o'clock on five days of seven, from the first on."""
    return minute // DAY % 7 < 5 and 8 <= minute // HOUR % 24 < 18


def every_quarter(minute: int) -> bool:
    return minute % 15 == 0


def watched(feed: Feed, minutes: int, absence: FeedSilenceModel | None = None, first: int = 0) -> tuple[FeedSilenceModel, int]:
    """Let a feed pass, and count the silences that become an alert."""
    absence, alerts, before = absence or FeedSilenceModel(), 0, False
    for minute in range(first, first + minutes):
        absence.watch(minute, busy=feed(minute))
        found = absence.silence().alert
        alerts += found and not before
        before = found
    return absence, alerts


def until_alert(absence: FeedSilenceModel, first: int) -> int:
    """Return after how many silent minutes it is an alert."""
    for minute in range(first, first + 2 * WEEK):
        absence.watch(minute, busy=False)
        if absence.silence().alert:
            return minute - first + 1
    raise AssertionError("never")


def silent(absence: FeedSilenceModel, first: int, minutes: int) -> Silence:
    for minute in range(first, first + minutes):
        absence.watch(minute, busy=False)
    return absence.silence()


def test_without_experience_half_of_the_silences_double() -> None:
    """A day of 1,440 busy minutes: half a silence in all of them, an eighth of it as long as 8 minutes: 1/16 a day."""
    absence, _ = watched(always, DAY)
    found = silent(absence, DAY, 8)
    assert (found.minutes, found.length) == (8, 8.0)
    assert found.false_alerts == pytest.approx(1 / 16, rel=0.05)


def test_false_alerts_are_the_busy_minutes_of_a_day_times_the_chance_of_the_silence() -> None:
    absence, _ = watched(always, DAY)
    found = silent(absence, DAY, 4)
    assert found.false_alerts == pytest.approx(1440 * math.exp(-found.nats), rel=0.01)


def test_a_minute_with_events_ends_the_silence() -> None:
    absence, _ = watched(always, DAY)
    silent(absence, DAY, 30)
    absence.watch(DAY + 30, busy=True)
    assert absence.silence().minutes == absence.silence().nats == 0


def test_the_longer_a_feed_is_known_the_sooner_it_is_missed() -> None:
    after = [until_alert(watched(always, days * DAY)[0], days * DAY) for days in (1, 7, 28)]
    assert after == [50, 9, 4]


def test_nothing_is_missed_before_a_whole_day_is_known() -> None:
    absence, _ = watched(always, 12 * HOUR)
    assert silent(absence, 12 * HOUR, 12 * HOUR).false_alerts > 1


def test_quiet_nights_and_weekends_are_never_an_alert_not_even_the_first() -> None:
    assert watched(office, 6 * WEEK)[1] == 0


def test_the_same_feed_that_stops_on_a_working_day_is_missed_within_minutes() -> None:
    monday_at_ten = 4 * WEEK + 10 * HOUR
    absence, _ = watched(office, monday_at_ten)
    assert until_alert(absence, monday_at_ten) <= 15


def test_a_feed_that_comes_in_bursts_has_taught_its_pauses() -> None:
    absence, alerts = watched(every_quarter, 4 * WEEK)
    assert alerts == 0
    assert 30 < until_alert(absence, 4 * WEEK) < 3 * HOUR


def test_an_outage_does_not_make_the_next_one_look_ordinary() -> None:
    absence, _ = watched(always, 4 * WEEK)
    silent(absence, 4 * WEEK, 6 * HOUR)
    start = 4 * WEEK + 6 * HOUR
    watched(always, DAY, absence, start)
    assert until_alert(absence, start + DAY) <= 10


def test_a_habit_that_changes_for_good_is_learned_within_a_week() -> None:
    absence, _ = watched(always, 4 * WEEK)
    assert watched(every_quarter, WEEK, absence, 4 * WEEK)[1] > 0
    assert watched(every_quarter, WEEK, absence, 5 * WEEK)[1] == 0


def pauses(rng: np.random.Generator) -> Feed:
    """A busy minute about every 25, sometimes after two hours."""
    busy = set(np.cumsum(1 + rng.lognormal(3, 0.6, 8 * WEEK // 20).astype(int)).tolist())
    return busy.__contains__


def working_days(rng: np.random.Generator) -> Feed:
    """Three events a minute in office hours, one in three minutes else, one in fifty at weekends; each quarter swings by half."""
    swing = rng.gamma(4.0, 0.25, 8 * WEEK // 15 + 1)
    return lambda minute: rng.random() > np.exp(-swing[minute // 15] * (3.0 if office(minute) else 0.33 if minute // DAY % 7 < 5 else 0.02))


def restarts(rng: np.random.Generator) -> Feed:
    """Busy every minute, but for one to five minutes twice a week."""
    starts = rng.integers(0, 8 * WEEK, 16).tolist()
    down = {start + minute for start in starts for minute in range(rng.integers(1, 6))}
    return lambda minute: minute not in down


@pytest.mark.parametrize("kind", [pauses, working_days, restarts])
def test_what_is_expected_once_in_ten_days_happens_about_as_often_and_alerts_do_not(kind: Callable[[np.random.Generator], Feed]) -> None:
    feed = kind(np.random.default_rng(5))
    absence, rare, before = FeedSilenceModel(), 0, False
    for minute in range(8 * WEEK):
        absence.watch(minute, busy=feed(minute))
        silence = absence.silence()
        found = silence.false_alerts < 0.1 and minute >= 2 * WEEK
        rare += found and not before
        before = found
        assert not silence.alert or minute < 2 * WEEK
    assert rare <= 2 * 0.1 * 42


def test_a_feed_begins_with_its_first_busy_minute() -> None:
    absence, alerts = watched(lambda _minute: False, WEEK)
    assert alerts == 0
    assert absence.silence().minutes == 0
