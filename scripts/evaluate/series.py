"""Numbers day by day, and what a finding says of them worked out again: levels, factors, crossings."""

import datetime
import functools
import math
import statistics

EPOCH = datetime.date(1970, 1, 1).toordinal()
WEEK = 7
# Days around a bulge that make its base, and before a surge that make its.
BULGE_BASE_DAYS = 14
SURGE_BASE_DAYS = 28
# Days on either side of a crossing that settle the order.
ORDER_DAYS = 14


@functools.cache
def day(text):
    """Days since 1970."""
    return datetime.date.fromisoformat(text).toordinal() - EPOCH


def text(number):
    """The date of a day since 1970."""
    return datetime.date.fromordinal(number + EPOCH).isoformat()


class Series:
    """A number for each day from `first` on."""

    def __init__(self, first, values):
        self.first, self.values = first, values
        self.last = first + len(values) - 1

    def slice(self, begin, end):
        """Values from begin to end, both included, as far as there are any."""
        return self.values[max(begin - self.first, 0) : max(end - self.first + 1, 0)]

    def mean(self, begin, end):
        found = self.slice(begin, end)
        return sum(found) / len(found) if found else None

    def week_means(self, begin, end):
        """Means of the seven days around each day."""
        return [self.mean(one - 3, one + 3) for one in range(max(begin, self.first), min(end, self.last) + 1)]


def ratio(after, before):
    """How many times `before`; None where that says nothing."""
    if after is None or before is None or before <= 0:
        return None
    return after / before


def trend(series, course):
    """Last week of the movement over the week before it; over its first days when nothing was observed before."""
    begin, end = course["from"], min(course["to"], series.last)
    before = series.mean(begin - WEEK, begin - 1) if begin - series.first >= WEEK else series.mean(series.first, series.first + 2)
    return ratio(series.mean(max(begin, end - WEEK + 1), end), before)


def growth(series, course):
    """Last week of the period over its first, as far as they were observed."""
    return ratio(series.mean(course["to"] - WEEK + 1, course["to"]), series.mean(course["from"], course["from"] + WEEK - 1))


def excursion(series, course, taken):
    """Level at the extreme of a bulge, and around it on days that no other excursion of the same series has taken."""
    days = [*range(course["from"] - BULGE_BASE_DAYS, course["from"]), *range(course["to"] + 1, course["to"] + BULGE_BASE_DAYS + 1)]
    days = [one for one in days if series.first <= one <= series.last]
    around = [series.values[one - series.first] for one in days if one not in taken] or [series.values[one - series.first] for one in days]
    base = sum(around) / len(around) if around else None
    long = course["to"] - course["from"] + 1 >= WEEK
    inside = series.week_means(course["from"], course["to"]) if long else series.slice(course["from"], course["to"])
    if not inside:
        return None, base
    return (max(inside) if course["factor"] > 1 else min(inside)), base


def surge(series, course):
    """Rate on the extreme day, and the median of the weeks before."""
    before = series.slice(course["from"] - SURGE_BASE_DAYS, course["from"] - 1)
    return series.mean(course["peak"], course["peak"]), (statistics.median(before) if before else None)


def swing(series, course):
    """Crests over troughs: seventh over first eighth of three-day means."""
    short = sorted(series.mean(one - 1, one + 1) for one in range(course["from"], min(course["to"], series.last) + 1))
    # Half a packet a day stands in for none at all.
    return ratio(short[len(short) * 7 // 8], max(short[len(short) // 8], 0.5)) if short else None


def crossing_days(one, other, begin, end):
    """Days from begin to end from which the seven-day mean of `one` (around the day, or up to it) lies above the other's."""
    days = set()
    for ahead in (0, 3):
        means = [(at, one.mean(at - 6 + ahead, at + ahead) or 0, other.mean(at - 6 + ahead, at + ahead) or 0) for at in range(begin - 1, end + 1)]
        days |= {after[0] for before, after in zip(means, means[1:]) if before[1] <= before[2] and after[1] > after[2]}
    return days


def changes_order(one, other, at):
    """Whether `one` lies below the other before the day and above it after."""
    before = (one.mean(at - ORDER_DAYS, at - 1), other.mean(at - ORDER_DAYS, at - 1))
    after = (one.mean(at, at + ORDER_DAYS - 1), other.mean(at, at + ORDER_DAYS - 1))
    if None in before or None in after:
        return None
    return before[0] < before[1] and after[0] > after[1]


def distance(one, other):
    """How far two factors lie apart, in natural logarithms."""
    if one is None or other is None or one <= 0 or other <= 0:
        return math.inf
    return abs(math.log(one / other))
