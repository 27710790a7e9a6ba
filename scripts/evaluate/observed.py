"""What was really sent, day by day: the simulator's truth, and out of the lake what the truth does not count."""

import json
from collections import defaultdict

from series import Series, day

DAY_US = 86_400_000_000
# Packets, and distinct addresses at each sensor, added up over the sensors.
BY_SOURCE = "SELECT day, {of}, sum(p) AS packets, count(*) AS sources FROM (SELECT day, sensor, src, {of}, sum(packets) AS p FROM sources {where} GROUP BY day, sensor, src, {of}) GROUP BY day, {of}"
QUESTIONS = {
    "place": BY_SOURCE.format(of="region, asn", where=""),
    "tool": BY_SOURCE.format(of="tool, region", where="WHERE tool IS NOT NULL"),
    "port": "SELECT day, proto, dst_port, sum(packets) AS packets, sum(hosts) AS sources FROM ports GROUP BY day, proto, dst_port",
    "mark": "SELECT day, mark, sum(packets) AS packets, 0 AS sources FROM daily WHERE mark IS NOT NULL GROUP BY day, mark",
}
PROTOCOLS = {6: "tcp", 17: "udp"}


def port_name(proto, port):
    """A port as the truth writes it."""
    if proto == 1:
        return "icmp"
    return f"{port}/{PROTOCOLS.get(proto, f'proto-{proto}')}"


class Observed:
    """Counts of a simulation, as if every sensor had been up all day."""

    def __init__(self, truth, ask):
        self.truth = truth
        self.first, self.last = day(truth["first_day"]), day(truth["last_day"])
        self.up = self._up()
        self.packets = self._of_truth()
        self.counted = {"packets": self._blank(), "sources": self._blank()}
        for what, sql in QUESTIONS.items():
            for row in json.loads(ask(sql)):
                self._count(what, row)

    def _blank(self):
        return defaultdict(lambda: [0] * (self.last - self.first + 1))

    def _up(self):
        """Share of the usual packets that sensors which were up stand for, day by day."""
        sensors = self.truth["sensors"]
        down = {sensor["name"]: [self._down(sensor, day(one["day"])) for one in self.truth["days"]] for sensor in sensors}
        rates = {}
        for sensor in sensors:
            hours = sum(1 - part for part in down[sensor["name"]])
            rates[sensor["name"]] = sensor["packets"] / hours if hours else 0
        whole = sum(rates.values())
        return [sum(rate * (1 - down[name][at]) for name, rate in rates.items()) / whole for at in range(len(self.truth["days"]))]

    @staticmethod
    def _down(sensor, when):
        begin = when * DAY_US
        return sum(max(0, min(to, begin + DAY_US) - max(start, begin)) for start, to in sensor["outages_us"]) / DAY_US

    def _of_truth(self):
        rows = self._blank()
        for at, one in enumerate(self.truth["days"]):
            rows[("total",)][at] = one["packets"]
            rows[("tool", "mirai")][at] = one["mirai_packets"]
            for name, kind in (("ports", "port"), ("regions", "region")):
                for part, count in one[name].items():
                    rows[(kind, "private" if part == "ZZ" else part)][at] = count
            for region, count in one["mirai_regions"].items():
                rows[("tool_region", "mirai", region)][at] = count
        return rows

    def _count(self, what, row):
        at = day(row["day"]) - self.first
        if not 0 <= at <= self.last - self.first:
            return
        if what == "place":
            keys = [("network", row["asn"]), ("region", row["region"] or "private"), ("total",)]
        elif what == "tool":
            keys = [("tool", row["tool"]), ("tool_region", row["tool"], row["region"])]
        elif what == "port":
            keys = [("port", port_name(row["proto"], row["dst_port"]))]
        else:
            keys = [("mark", row["mark"])]
        for key in keys:
            self.counted["packets"][key][at] += row["packets"]
            self.counted["sources"][key][at] += row["sources"]

    def _rates(self, counts):
        return Series(self.first, [count / up if up > 0 else 0.0 for count, up in zip(counts, self.up)])

    def series(self, key, measure):
        """Daily rates of a subject: packets as the truth counts them where it does, else out of the lake."""
        if measure == "packets" and key in self.packets:
            return self._rates(self.packets[key])
        if measure == "packets" and key[0] == "tool":
            key = ("mark", key[1])
        return self._rates(self.counted[measure][key])

    def differences(self):
        """Days on which a port or region has other packets in the lake than in the truth."""
        found = 0
        for key in {key for key in list(self.packets) + list(self.counted["packets"]) if key[0] in ("port", "region")}:
            truth, lake = self.packets.get(key), self.counted["packets"].get(key)
            blank = [0] * (self.last - self.first + 1)
            found += sum(1 for one, other in zip(truth or blank, lake or blank) if one != other)
        return found
