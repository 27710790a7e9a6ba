"""A scenario's plan: what each port, region and tool is meant to receive day by day, without noise."""

import functools
import tomllib
from collections import defaultdict

from series import Series, day

# Names of tools in scenarios, and of the marks by which Hirundo knows their packets.
MARKS = {
    "mirai": "mirai",
    "masscan": "masscan-old",
    "masscan_2023": "masscan-new",
    "zmap": "zmap-or-xmap",
    "zmap_4": "zmap-new",
    "nmap": "nmap",
    "unicornscan": "unicornscan",
}


def curve(value):
    """A function of the day from a number or from knots."""
    if isinstance(value, (int, float)):
        return lambda _: float(value)
    knots = [(knot[0] if isinstance(knot[0], int) else day(str(knot[0])), float(knot[1])) for knot in value]

    def at(when):
        if when <= knots[0][0]:
            return knots[0][1]
        for (begin, low), (end, high) in zip(knots, knots[1:]):
            if when <= end:
                return low + (high - low) * (when - begin) / (end - begin)
        return knots[-1][1]

    return at


def shares(table):
    """Name and share of each part as functions of the day."""
    if isinstance(table, str):
        return [(table, lambda _: 1.0)]
    return [(name, curve(value)) for name, value in table.items()]


def target(tool, port):
    """The port that packets of a tool arrive at; None where it is one of many."""
    if port.startswith("any/"):
        return None
    if tool == "backscatter":
        # Answers of the service go to any port; unreachable ports and echo replies come as ICMP.
        return "icmp" if port == "icmp" or port.endswith("/udp") else None
    return port


class Plan:
    """Noise-free series by subject: ("total",), ("port", "23/tcp"), ("region", "RU"), ("tool", mark), ("tool_region", mark, region)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            text = tomllib.load(file)
        self.first, self.last = day(str(text["first_day"])), day(str(text["last_day"]))
        days = self.last - self.first + 1
        self.rows = defaultdict(lambda: [0.0] * days)
        for population in text.get("populations", []):
            self._population(population)
        sensors = len(text["sensors"])
        for survey in text.get("surveys", []):
            self._survey(survey, sensors)

    def _add(self, at, packets, region, port, tool):
        mark = MARKS.get(tool)
        keys = [("total",), ("region", "private" if region == "ZZ" else region)]
        keys += [("port", port)] if port else []
        keys += [("tool", mark), ("tool_region", mark, region)] if mark else []
        for key in keys:
            self.rows[key][at] += packets

    def _population(self, population):
        packets, tool = curve(population["packets"]), population["tool"]
        regions, ports = shares(population["regions"]), shares(population["ports"])
        for when in range(self.first, self.last + 1):
            of_regions = [(name, share(when)) for name, share in regions]
            of_ports = [(name, share(when)) for name, share in ports]
            unit = packets(when) / (sum(share for _, share in of_regions) * sum(share for _, share in of_ports) or 1)
            for region, region_share in of_regions:
                for port, port_share in of_ports:
                    self._add(when - self.first, unit * region_share * port_share, region, target(tool, port), tool)

    def _survey(self, survey, sensors):
        begin = max(day(str(survey["from"])), self.first) if "from" in survey else self.first
        end = min(day(str(survey["to"])), self.last) if "to" in survey else self.last
        for when in range(begin, end + 1):
            for port in survey["ports"]:
                self._add(when - self.first, sensors * 24 / survey["every_hours"], survey["region"], port, survey["tool"])

    def series(self, key):
        """The plan of a subject; None when nothing is planned for it."""
        return Series(self.first, self.rows[key]) if key in self.rows else None


@functools.cache
def plan(path):
    """The plan of a scenario's file, worked out once."""
    return Plan(path)
