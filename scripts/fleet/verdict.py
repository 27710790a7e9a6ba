"""Holds the lake against what was sent: every packet once, or counted as lost where it was lost."""

import bisect
import collections
import csv
import io
from dataclasses import dataclass

import chaos
import generator
from processes import Failed

# A packet's number, as generator.number_of has it, in SQL.
NUMBER = f"(CAST(src_port AS BIGINT) - {generator.PORT_MIN}) * 65536 + CAST(tcp_window AS BIGINT)"
# Packets of the generator; anything else in the lake is a defect of this test or of the network.
ROWS = "SELECT sensor, count(*) AS packets FROM packets GROUP BY sensor"
HEALTH = """
    SELECT sensor, sum(seen) AS seen, sum(kept) AS kept, sum(unreadable) AS unreadable,
           sum(dropped_kernel) AS kernel, sum(dropped_spool) AS spool, sum(missed) AS missed
    FROM sensors GROUP BY sensor
"""
# Stretches of numbers without a gap.
ISLANDS = f"""
    SELECT sensor, min(number) AS first, max(number) AS last
    FROM (
        SELECT sensor, number, number - row_number() OVER (PARTITION BY sensor ORDER BY number) AS stretch
        FROM (SELECT DISTINCT sensor, {NUMBER} AS number FROM packets)
    )
    GROUP BY sensor, stretch ORDER BY sensor, first
"""
# Around the time a process was away: what waited in the ring when it was killed, and until the new ring is there.
BEFORE_SECS, AFTER_SECS = 3.0, 5.0


@dataclass
class Count:
    """What became of the packets sent to one sensor."""

    sent: int
    rows: int = 0
    distinct: int = 0
    kernel: int = 0
    spool: int = 0
    missed: int = 0
    # Absent while the sensor was away, and while it was not.
    away: int = 0
    present: int = 0

    def lost(self):
        return self.kernel + self.spool + self.missed

    def is_balanced(self):
        return self.sent == self.rows + self.lost()


@dataclass
class Judgement:
    good: bool
    text: str


def rows(fleet, sql):
    return list(csv.DictReader(io.StringIO(fleet.ask("query", "--format", "csv", sql))))


def number(text):
    return int(float(text)) if text else 0


def counts(fleet):
    """Sums only: cheap enough to be asked again and again."""
    found = {chaos.sensor_name(sensor): Count(fleet.network.sent(sensor)) for sensor in range(fleet.options.sensors)}
    try:
        packets, health = rows(fleet, ROWS), rows(fleet, HEALTH)
    except Failed:
        # Before the first commit there is nothing to ask.
        return found
    for row in packets:
        found[row["sensor"]].rows = number(row["packets"])
    for row in health:
        count = found[row["sensor"]]
        count.kernel, count.spool, count.missed = number(row["kernel"]), number(row["spool"]), number(row["missed"])
    return found


class Sent:
    """When a packet was sent: the generator's log."""

    def __init__(self, path):
        self.times, self.numbers = [], []
        with open(path) as file:
            for line in file:
                time, *numbers = line.split()
                self.times.append(float(time))
                self.numbers.append([int(number) for number in numbers])

    def sensor(self, sensor):
        return [numbers[sensor] for numbers in self.numbers]


def gaps(islands, sent):
    """Stretches of numbers that are absent: first, and the one after the last."""
    following = 0
    for first, last in islands:
        if first > following:
            yield following, first
        following = last + 1
    if following < sent:
        yield following, sent


def by_presence(absent, nexts, times, away):
    """How many of the absent packets were sent while the sensor was away, and how many while it was not."""
    inside = outside = 0
    for first, after in absent:
        while first < after:
            tick = bisect.bisect_right(nexts, first)
            end = min(after, nexts[tick]) if tick < len(nexts) else after
            time = times[min(tick, len(times) - 1)]
            if any(begin - BEFORE_SECS <= time <= (until or time) + AFTER_SECS for begin, until in away):
                inside += end - first
            else:
                outside += end - first
            first = end
    return inside, outside


def judge(fleet, codes):
    """The last word."""
    found = counts(fleet)
    faults = [f"{name} ended with {code} when it was asked to end; hint: its log" for name, code in codes.items()]
    islands = {}
    for row in rows(fleet, ISLANDS):
        islands.setdefault(row["sensor"], []).append((number(row["first"]), number(row["last"])))
    sent = Sent(fleet.sent_log)
    for sensor, (name, count) in enumerate(found.items()):
        stretches = islands.get(name, [])
        count.distinct = sum(last - first + 1 for first, last in stretches)
        nexts = sent.sensor(sensor)
        absent = gaps(stretches, nexts[-1])
        count.away, count.present = by_presence(absent, nexts, sent.times, fleet.sensors[sensor].away)
        faults += faults_of(name, count, nexts[-1], stretches)
    faults += faults_of_processes(fleet)
    faults += faults_of_centre(fleet)
    return Judgement(not faults, text(fleet, found, faults))


def faults_of(name, count, generated, stretches):
    if generated != count.sent:
        yield f"{name}: the generator sent {generated}, its link counted {count.sent}"
    if stretches and (stretches[0][0] < 0 or stretches[-1][1] >= generated):
        yield f"{name}: the lake holds packets that were never sent"
    if count.rows != count.distinct:
        yield f"{name}: {count.rows - count.distinct} packets are in the lake twice"
    balance = count.sent - count.rows - count.lost()
    if balance:
        word = "neither in the lake nor counted as lost" if balance > 0 else "both in the lake and counted as lost"
        yield f"{name}: {abs(balance)} packets are {word}"
    if count.away > count.missed + count.kernel + count.spool:
        yield f"{name}: {count.away} packets are absent from times when it was away, more than it counted"
    if count.present > count.kernel + count.spool:
        yield f"{name}: {count.present} packets are absent from times when it ran, it counted {count.kernel + count.spool} as dropped"


def faults_of_processes(fleet):
    for process in fleet.sensors:
        if process.ended:
            yield f"{process.name} ended by itself: {process.ended}; hint: its log"
    for process in fleet.collectors:
        # On a full disk a collector may end, as long as it ends in order; a panic is 101, a signal negative.
        wrong = [code for code in process.ended if code not in (1, 2)]
        if wrong:
            yield f"{process.name} crashed: {wrong}; hint: its log"


def faults_of_centre(fleet):
    held = list(csv.DictReader(io.StringIO(fleet.ask("quarantine", "list", "--format", "csv"))))
    if held:
        yield f"{len(held)} batches are in quarantine, the first because: {held[0]['why']}"
    try:
        fleet.ask("lake", "verify")
    except Failed as failed:
        yield f"hirundo lake verify: {failed}"


COLUMNS = ("sensor", "sent", "in lake", "twice", "kernel", "spool", "missed", "unaccounted", "starts")


def text(fleet, found, faults):
    """A table for people."""
    table = [COLUMNS]
    for (name, count), process in zip(found.items(), fleet.sensors):
        unaccounted = count.sent - count.rows - count.lost()
        numbers = (count.sent, count.rows, count.rows - count.distinct, count.kernel, count.spool, count.missed, unaccounted, process.starts)
        table.append((name, *(f"{number:,}" for number in numbers)))
    columns = list(zip(*table[1:]))
    totals = (sum(int(cell.replace(",", "")) for cell in column) for column in columns[1:])
    table.append(("all", *(f"{total:,}" for total in totals)))
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(widths[0]) if not column else cell.rjust(widths[column]) for column, cell in enumerate(row)) for row in table]
    lines += [f"FAULT: {fault}" for fault in faults]
    starts = sum(process.starts for process in fleet.collectors)
    kinds = collections.Counter(event.kind for event in fleet.begun)
    lines.append("broken and healed: " + (", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"))
    lines.append(f"{len(fleet.collectors)} collectors were started {starts} times; lake verify and quarantine were looked at")
    lines.append("every packet is in the lake once or counted as lost" if not faults else f"{len(faults)} faults")
    return "\n".join(lines)
