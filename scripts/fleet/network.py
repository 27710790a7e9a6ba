"""The network of a fleet: namespaces, veth links, a router between, and what breaks on them.

    generator ── gen0 ═══ cap0 │ s0 │ eth0 ═══ up0 ┐
                                                   ├ router (this namespace) ── c0 ═══ eth0 │ c0 │
    generator ── gen1 ═══ cap0 │ s1 │ eth0 ═══ up1 ┘                         └─ c1 ═══ eth0 │ c1 │

The capture links carry the generator's packets and nothing else, so that the interface's counter is exact.
"""

import os
import subprocess

from processes import Failed

RUN = "/run"
# Loss both ways, by sensor; cuts between sensors and collectors.
TABLE = "chaos"
# Of a slow uplink: what it holds back before it drops, milliseconds.
SLOW_LATENCY_MS = 1500


def call(*command, stdin=None):
    """Runs a program that must succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def enter(namespace, *command):
    """A command inside a network namespace, which `/sys` shows there; no process stays in between."""
    return ["ip", "netns", "exec", namespace, *command]


class Network:
    """Namespaces s0…, c0… and the links between them."""

    def __init__(self, sensors, collectors):
        self.sensors, self.collectors = sensors, collectors
        self.loss = {}
        self.parted = set()
        self.dark = False
        self.netem = False

    def make(self):
        # Names of network namespaces are files; these are ours alone, since the mounts are.
        call("mount", "-t", "tmpfs", "tmpfs", RUN)
        no_ipv6()
        with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
            file.write("1")
        call("ip", "link", "set", "lo", "up")
        for sensor in range(self.sensors):
            self.namespace(f"s{sensor}", f"up{sensor}", f"10.77.{sensor}")
            self.capture_link(sensor)
        for collector in range(self.collectors):
            self.namespace(f"c{collector}", f"c{collector}", f"10.78.{collector}")
        self.apply()
        probe = subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"], capture_output=True, check=False)
        self.netem = probe.returncode == 0
        if self.netem:
            call("tc", "qdisc", "del", "dev", "lo", "root")

    def namespace(self, name, link, net):
        """A namespace with one link to the router, which is .1 in its net; it is .2."""
        call("ip", "netns", "add", name)
        subprocess.run(enter(name, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"), capture_output=True, check=False)
        call("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        call("ip", "address", "add", f"{net}.1/24", "dev", link)
        call("ip", "link", "set", link, "up")
        call("ip", "-n", name, "link", "set", "lo", "up")
        call("ip", "-n", name, "address", "add", f"{net}.2/24", "dev", "eth0")
        call("ip", "-n", name, "link", "set", "eth0", "up")
        call("ip", "-n", name, "route", "add", "default", "via", f"{net}.1")

    def capture_link(self, sensor):
        call("ip", "link", "add", f"gen{sensor}", "type", "veth", "peer", "name", "cap0", "netns", f"s{sensor}")
        for where in ([], ["-n", f"s{sensor}"]):
            name = "cap0" if where else f"gen{sensor}"
            call("ip", *where, "link", "set", name, "arp", "off", "multicast", "off")
            call("ip", *where, "link", "set", name, "up")

    def address(self, collector):
        return f"10.78.{collector}.2"

    def cut(self, sensor, down):
        call("ip", "link", "set", f"up{sensor}", "down" if down else "up")

    def lose(self, sensor, per_mille):
        self.loss[sensor] = per_mille
        self.apply()

    def part(self, collector, parted):
        (self.parted.add if parted else self.parted.discard)(collector)
        self.apply()

    def black_out(self, dark):
        self.dark = dark
        self.apply()

    def apply(self):
        """All rules of the router anew, at once."""
        rules = []
        if self.dark:
            rules.append("drop")
        for collector in sorted(self.parted):
            # Half of the sensors, so that the collectors see different halves of the world.
            for sensor in range(collector % 2, self.sensors, 2):
                rules.append(f"iifname up{sensor} oifname c{collector} drop")
                rules.append(f"iifname c{collector} oifname up{sensor} drop")
        for sensor, per_mille in sorted(self.loss.items()):
            if per_mille:
                rules.append(f"iifname up{sensor} numgen random mod 1000 < {per_mille} drop")
                rules.append(f"oifname up{sensor} numgen random mod 1000 < {per_mille} drop")
        chain = "type filter hook forward priority 0; policy accept;"
        lines = [f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{", "chain forward {", chain, *rules, "}", "}"]
        call("nft", "-f", "-", stdin="\n".join(lines) + "\n")

    def slow(self, sensor, kbit, milliseconds):
        """A slow and long uplink, both ways. Where the kernel has no netem, what queues up is what delays."""
        for where, device in ([], f"up{sensor}"), (["-n", f"s{sensor}"], "eth0"):
            if not kbit:
                call("tc", *where, "qdisc", "del", "dev", device, "root")
            elif self.netem:
                call("tc", *where, "qdisc", "replace", "dev", device, "root", "netem", "delay", f"{milliseconds}ms", "rate", f"{kbit}kbit")
            else:
                limit = ["rate", f"{kbit}kbit", "burst", "8kb", "latency", f"{SLOW_LATENCY_MS}ms"]
                call("tc", *where, "qdisc", "replace", "dev", device, "root", "tbf", *limit)

    def heal(self):
        for sensor in range(self.sensors):
            self.cut(sensor, False)
        self.loss.clear()
        self.parted.clear()
        self.dark = False
        self.apply()

    def sent(self, sensor):
        """Packets that the capture link took, as its kernel counts them."""
        with open("/proc/self/net/dev") as file:
            for line in file:
                name, _, counters = line.partition(":")
                if name.strip() == f"gen{sensor}":
                    # Eight of receiving, then bytes and packets of sending.
                    return int(counters.split()[9])
        raise Failed(f"gen{sensor} is gone")


def no_ipv6():
    """Nothing may be sent by itself. A kernel without IPv6 has no such setting."""
    for name in ("all", "default"):
        path = f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"
        if os.path.exists(path):
            with open(path, "w") as file:
                file.write("1")
