"""Sends packets that are each unique onto the capture links, and writes down how many by when.

A program of its own: `generator.py LOG SEED RATE SECONDS INTERFACE…`. A packet's number stands in its source port and
window, which no sensor hides. A line of the log is the time (seconds, monotonic) and each interface's next number.
"""

import random
import signal
import socket
import struct
import sys
import time

# Ticks a second.
TICKS = 50
# Longest burst onto one link in a tick: a link takes what its backlog (1000 frames) holds.
BURST_MAX = 300
# Lowest source port: below, marks of tools would look at other things.
PORT_MIN = 0x4000
PORTS = (23, 22, 445, 80, 443, 8080, 3389, 5555)
ETHERTYPE_IPV4, PROTO_TCP = 0x0800, 6


def folded(total):
    """Ones' complement sum of 16-bit words (RFC 1071)."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(sensor, number):
    """A SYN from 198.18/15 (benchmarking, RFC 2544) to 203.0.113/24 (documentation, RFC 5737)."""
    source = 0xC6120000 | (sensor << 8) | (number % 251)
    target = 0xCB007100 | (number % 16)
    seq = number * 2654435761 & 0xFFFFFFFF
    src_port, window, dst_port = PORT_MIN + (number >> 16), number & 0xFFFF, PORTS[number % len(PORTS)]
    ident = number * 40503 & 0xFFFF
    addresses = (source >> 16) + (source & 0xFFFF) + (target >> 16) + (target & 0xFFFF)
    ip_sum = folded(0x4500 + 40 + ident + (64 << 8 | PROTO_TCP) + addresses)
    tcp_sum = folded(addresses + PROTO_TCP + 20 + src_port + dst_port + (seq >> 16) + (seq & 0xFFFF) + 0x5002 + window)
    return struct.pack(
        "!6s6sH HHHHBBHII HHIIHHHH",
        b"\x02\0\0\0\0\xfe", b"\x02\0\0\0\0\x01", ETHERTYPE_IPV4,
        0x4500, 40, ident, 0, 64, PROTO_TCP, ip_sum, source, target,
        src_port, dst_port, seq, 0, 0x5002, window, tcp_sum, 0,
    )


def number_of(src_port, window):
    """A packet's number, as it was given to `frame`."""
    return (src_port - PORT_MIN) << 16 | window


class Link:
    """An interface and what was sent on it."""

    def __init__(self, sensor, interface, rate, chance):
        self.sensor, self.rate, self.chance = sensor, rate, chance
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((interface, 0))
        self.number = 0
        self.due = 0.0
        self.factor, self.factor_until = 1.0, 0.0

    def send(self, now, secs):
        """What is due after this many seconds more."""
        if now >= self.factor_until:
            # Sometimes next to nothing, sometimes a burst.
            self.factor = self.chance.choice((0.05, 0.5, 1.0, 1.0, 1.0, 3.0))
            self.factor_until = now + self.chance.uniform(0.5, 5.0)
        self.due = min(self.due + self.rate * self.factor * secs, BURST_MAX)
        while self.due >= 1:
            try:
                self.socket.send(frame(self.sensor, self.number))
            except OSError:
                # The link takes no more now; the packet was not sent.
                return
            self.number += 1
            self.due -= 1


def main(arguments):
    log, seed, rate, seconds, *interfaces = arguments
    links = [
        Link(sensor, interface, float(rate), random.Random(f"{seed} {interface}"))
        for sensor, interface in enumerate(interfaces)
    ]
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    begun = last = time.monotonic()
    with open(log, "w") as file:
        while going and last < begun + float(seconds):
            time.sleep(max(0.0, last + 1 / TICKS - time.monotonic()))
            now = time.monotonic()
            for link in links:
                link.send(now, now - last)
            last = now
            print(f"{now:.3f}", *(link.number for link in links), file=file)


if __name__ == "__main__":
    main(sys.argv[1:])
