"""Holds findings against what was planted, what was planned and what was sent."""

import math
from dataclasses import dataclass, field

import series
from observed import port_name

# How far a date may be off, days; and a factor.
DAYS = 3
FACTOR = 1.15
# A plan that moves by less than this part of what is claimed (in logarithms) is constant; from the other on it moves.
CONSTANT_PART, MOVES_PART = 0.25, 0.5
# A level course is told although the plan's weekly means differ by more than this.
SILENT = 1.25
# … but only where every week had this many packets a day: fewer are lost in the noise of counting.
LEVEL_MIN = 10.0
# Below this many packets a day a base says nothing, and peaks are compared instead.
BASE_MIN = 2.0
# Longest excursion that may be told as a surge.
SURGE_DAYS_MAX = 7

RECALLED, FOLLOWS, COUNTED, INEXACT, CONTRADICTS = "recalled", "follows from the plan", "true of the counts", "inexact", "contradicts"


@dataclass
class Finding:
    """A finding as Hirundo prints it, taken apart."""

    id: str
    key: tuple
    measure: str
    kind: str
    course: dict
    verdict: str = ""
    why: str = ""

    def told(self):
        """Kind, days and size in few words."""
        course, words = self.course, [self.kind]
        if "from" in course:
            words.append(f"{series.text(course['from'])}..{series.text(course['to'])}")
        if "day" in course:
            words.append(f"over {name(subject(course['other']))} on {series.text(course['day'])}")
        if course.get("factor") is not None:
            words.append(f"x{course['factor']:.2f}")
        return " ".join(words) + (" (open)" if course.get("open") else "")


@dataclass
class Plant:
    """A planted phenomenon, and whether and how it was found."""

    entry: dict
    key: tuple
    direction: str
    begin: int
    end: int
    factor: float = None
    found: Finding = None
    # Sentences that tell it, by language; whether the public report should.
    told: dict = field(default_factory=dict)
    due: bool = False
    near: list = field(default_factory=list)

    def recalled(self):
        """Outages are no findings but sentences."""
        return self.found is not None or (self.direction == "outage" and all(self.told.values()) and bool(self.told))

    def label(self):
        return f"{name(self.key)} {self.direction} {self.entry['from']}..{self.entry['to']}" + (f" over {self.entry['against']}" if self.entry["against"] else "")


def subject(value):
    """A subject of the findings' JSON as a key of the plan."""
    if value == "total":
        return ("total",)
    kind, of = next(iter(value.items()))
    if kind == "port":
        return ("port", port_name(of["proto"], of["port"]))
    if kind == "tool_region":
        return ("tool_region", of["tool"], of["region"])
    if kind == "port_region":
        return ("port_region", port_name(of["proto"], of["port"]), of["region"])
    return (kind, of)


def name(key):
    return " ".join(str(part) for part in (key[1:] or key))


def findings(printed):
    """All findings, each once; and how many were printed twice."""
    found, twice = {}, 0
    for one in printed["findings"]:
        kind, course = next(iter(one["course"].items()))
        # Reckoning is easier with numbers than with dates.
        course = {key: series.day(value) if key in ("from", "to", "peak", "day") else value for key, value in course.items()}
        twice += one["id"] in found
        found.setdefault(one["id"], Finding(one["id"], subject(one["subject"]), one["measure"], kind, course))
    return list(found.values()), twice


def plants(observed, plan, period):
    """What was planted within or into the period."""
    chosen = []
    for entry in observed.truth["planted"]:
        begin, end = series.day(entry["from"]), series.day(entry["to"])
        if end < period[0] or begin > period[1]:
            continue
        of = entry["subject"]
        key = {
            "port": ("port", of), "region": ("region", of), "mirai": ("tool", "mirai"),
            "mirai_region": ("tool_region", "mirai", of), "sensor": ("sensor", of), "total": ("total",),
        }[entry["what"]]
        plant = Plant(entry, key, entry["direction"], begin, end)
        if entry["before_mean_milli"] and entry["end_mean_milli"] and plant.direction in ("rise", "fall", "jump"):
            plant.factor = entry["end_mean_milli"] / entry["before_mean_milli"]
        chosen.append(plant)
    return chosen


def near(one, other):
    return abs(one - other) <= DAYS


class Judge:
    """One simulation's findings, judged."""

    def __init__(self, plan, observed, period, printed):
        self.plan, self.observed, self.period = plan, observed, period
        self.findings, self.twice = findings(printed)
        self.plants = plants(observed, plan, period)
        self.silent = []
        for plant in self.plants:
            self._seek(plant)
        for finding in self.findings:
            if finding.kind == "steady":
                self._level(finding)
            elif not finding.verdict:
                finding.verdict, finding.why = self._verdict(finding)

    def told(self):
        """Findings that tell of something."""
        return [finding for finding in self.findings if finding.kind != "steady"]

    def _seek(self, plant):
        of_subject = [one for one in self.findings if one.key == plant.key and one.measure == "packets"]
        plant.near = [one for one in of_subject if one.kind != "steady"]
        if plant.direction == "steady":
            plant.found = None if plant.near else next(iter(of_subject), None)
            return
        for finding in of_subject:
            if self._matches(plant, finding):
                plant.found, finding.verdict = plant.found or finding, RECALLED

    def _matches(self, plant, finding):
        course, kind, direction = finding.course, finding.kind, plant.direction
        if direction in ("rise", "fall") and kind in ("trend", "jump", "growth"):
            placed = near(course["from"], plant.begin) and self._ends(plant, course)
            return placed and self._sized(plant.factor, course) and (course["factor"] > 1) == (direction == "rise")
        if direction == "jump" and kind == "jump":
            return near(course["from"], plant.begin) and self._sized(plant.factor, course)
        if direction == "swing" and kind == "swing":
            return near(course["from"], plant.begin) and near(course["to"], plant.end)
        if direction == "bulge" and (kind == "bulge" or (kind == "surge" and plant.end - plant.begin < SURGE_DAYS_MAX)):
            up = course["factor"] is None or course["factor"] > 1
            return up and near(course["from"], plant.begin) and near(course["to"], plant.end)
        if direction == "appear" and kind == "appear":
            return near(course["from"], plant.begin)
        if direction == "cross" and kind == "cross":
            against = (plant.key[0], plant.entry["against"])
            return subject(course["other"]) == against and plant.begin - DAYS <= course["day"] <= plant.end + DAYS
        return False

    def _ends(self, plant, course):
        # What goes on beyond the end of the period was told as far as it could be.
        return near(course["to"], plant.end) or (course["to"] >= self.period[1] and plant.end >= self.period[1] - DAYS)

    @staticmethod
    def _sized(factor, course):
        return factor is None or series.distance(course["factor"], factor) <= math.log(FACTOR)

    def _level(self, finding):
        """A level course although the plan moves."""
        planned = self.plan.series(finding.key)
        if planned is None or finding.measure != "packets":
            return
        means = [planned.mean(begin, begin + 6) for begin in range(self.period[0], min(self.period[1], planned.last) - 5)]
        if means and min(means) >= LEVEL_MIN and max(means) / min(means) >= SILENT:
            self.silent.append((finding, max(means) / min(means)))

    def _verdict(self, finding):
        sent = self.observed.series(finding.key, finding.measure)
        planned = self.plan.series(finding.key) if finding.measure == "packets" else None
        if finding.kind == "cross":
            return self._crossing(finding, sent, planned)
        if finding.kind == "appear":
            return self._appearance(finding, sent, planned)
        claimed, really = self._sizes(finding, sent)
        meant = self._sizes(finding, planned)[1] if planned else None
        why = f"sent {says(really)}" + (f", planned {says(meant)}" if planned else "")
        if finding.kind in ("bulge", "surge"):
            peak, base = self._levels(finding, sent)
            why += f"; base told {says(finding.course['base'])}, sent {says(base)}, extreme {says(peak)}"
        if planned and not moves(claimed, meant, CONSTANT_PART):
            return CONTRADICTS, why
        if not moves(claimed, really, CONSTANT_PART):
            return CONTRADICTS, why
        exact = moves(claimed, really, MOVES_PART)
        # Crests and troughs are measured otherwise here than there: the direction decides.
        if finding.kind != "swing":
            exact = exact and series.distance(claimed, really) <= math.log(FACTOR)
        if not exact:
            return INEXACT, why
        return (FOLLOWS if planned else COUNTED), why

    def _taken(self, finding):
        """Days of other excursions of the same series."""
        others = [one for one in self.findings if (one.key, one.measure) == (finding.key, finding.measure) and one.id != finding.id]
        return {when for one in others if one.kind in ("bulge", "surge") for when in range(one.course["from"], one.course["to"] + 1)}

    def _levels(self, finding, of):
        """Extreme and base of an excursion."""
        return series.surge(of, finding.course) if finding.kind == "surge" else series.excursion(of, finding.course, self._taken(finding))

    def _sizes(self, finding, of):
        """The factor that a finding claims, and the same of a series."""
        course, kind = finding.course, finding.kind
        if of is None:
            return course["factor"], None
        if kind in ("trend", "jump"):
            return course["factor"], series.trend(of, course)
        if kind == "growth":
            return course["factor"], series.growth(of, course)
        if kind == "swing":
            return course["factor"], series.swing(of, course)
        claimed = course["factor"]
        level, base = self._levels(finding, of)
        if claimed is None or (course["base"] <= 0 and claimed > 1):
            # Nothing has no multiple: that there was something is all that can be true.
            there = level is not None and level >= BASE_MIN and (base or 0) < BASE_MIN
            return 1 + BASE_MIN, 1 + BASE_MIN if there else 1.0
        if course["base"] < BASE_MIN and (base or 0) < BASE_MIN and claimed > 1:
            # Out of practically nothing: whether it reached that height is what can be compared.
            return 1 + claimed * course["base"], (1 + level if level is not None else None)
        return claimed, series.ratio(level, base)

    def _appearance(self, finding, sent, planned):
        course = finding.course
        level, before = sent.mean(course["from"], course["to"]), sent.mean(course["from"] - 28, course["from"] - 1)
        why = f"sent {says(before)} a day before, {says(level)} from then on; told {course['level']:.1f}"
        if level is None or (before or 0) > 0.25 * level:
            return CONTRADICTS, why
        exact = (before or 0) <= 0.1 * level and series.distance(level, course["level"]) <= math.log(FACTOR)
        return ((FOLLOWS if planned else COUNTED) if exact else INEXACT), why

    def _crossing(self, finding, sent, planned):
        at, key = finding.course["day"], subject(finding.course["other"])
        other, other_plan = self.observed.series(key, finding.measure), self.plan.series(key)
        if planned and other_plan and series.changes_order(planned, other_plan, at) is False:
            return CONTRADICTS, "the plan does not change their order"
        if series.changes_order(sent, other, at) is False:
            return CONTRADICTS, "what was sent does not change their order"
        days = series.crossing_days(sent, other, max(at - 20, sent.first + 7), at + 20)
        why = "seven-day means cross on " + (", ".join(series.text(one) for one in sorted(days)) or "no day near")
        return (FOLLOWS if any(near(one, at) for one in days) else INEXACT), why


def moves(claimed, really, part):
    """Whether a series moves the same way by at least that part of what is claimed, in logarithms."""
    if really is None or claimed is None:
        return False
    if really <= 0 or claimed <= 0:
        # Down to nothing at all is as far down as can be.
        return really < 1 and claimed < 1
    claim, real = math.log(claimed), math.log(really)
    return claim * real > 0 and abs(real) >= part * abs(claim)


def says(value):
    return "unknown" if value is None else f"{value:.2f}"
