"""What breaks when: events drawn from a seed."""

import random
from dataclasses import dataclass

# Kinds of events, how often each is drawn, and how long it lasts, in parts of the whole time (least, most).
KINDS = {
    # A sensor's uplink loses its carrier.
    "cut": (3, 0.02, 0.12),
    # Frames of an uplink are lost at random, both ways.
    "loss": (3, 0.03, 0.15),
    # An uplink is slow and long.
    "slow": (2, 0.03, 0.15),
    # Sensors cannot reach one of the collectors, although both are there.
    "partition": (2, 0.03, 0.12),
    # No sensor reaches any collector.
    "blackout": (1, 0.02, 0.06),
    "kill-sensor": (4, 0.005, 0.04),
    "kill-collector": (3, 0.01, 0.06),
    "fill-spool": (3, 0.03, 0.10),
    "fill-lake": (1, 0.03, 0.08),
    # A sensor's clock jumps, and back when the event ends.
    "step-clock": (2, 0.03, 0.15),
}
# Of these there must be one in any run, however short.
ALWAYS = tuple(KINDS)
# Seconds between two events on average, in the short form and in the long.
EVERY_SECS = (2.0, 4.0)
# The first and last part of a run in which nothing new breaks.
QUIET_SECS = 4
# A killed process stays away at least so long.
AWAY_SECS_MIN = 0.5
# Loss of frames, per mille.
LOSS = (10, 250)
# Rate of a slow uplink, kbit/s, and delay, milliseconds.
SLOW_KBIT, SLOW_MS = (300, 2000), (50, 400)
# Seconds by which a clock is stepped: within what a centre takes for granted, so that nothing is held back.
STEP_SECS = (5, 400)


@dataclass(frozen=True)
class Event:
    """Something that breaks and is whole again some time later."""

    at: float
    until: float
    kind: str
    # Number of the sensor or collector, or None for all.
    target: int
    # What is special about it: loss, rate, seconds.
    value: int = 0

    def __str__(self):
        target = "" if self.target is None else f" {self.target}"
        value = f" ({self.value})" if self.value else ""
        return f"{self.at:7.1f} s to {self.until:7.1f} s  {self.kind}{target}{value}"


def make(options):
    """All events of a run, in order of time; the same for the same options."""
    if options.calm:
        return []
    chance = random.Random(options.seed)
    last = options.seconds - QUIET_SECS
    count = int(options.seconds / EVERY_SECS[0 if options.short else 1])
    kinds = list(ALWAYS)
    kinds += chance.choices(list(KINDS), [often for often, _, _ in KINDS.values()], k=max(0, count - len(kinds)))
    chance.shuffle(kinds)
    # Spread evenly with some jitter: bunches come by themselves.
    step = (last - QUIET_SECS) / len(kinds)
    events = []
    for index, kind in enumerate(kinds):
        at = QUIET_SECS + step * (index + chance.random())
        _, least, most = KINDS[kind]
        until = min(at + max(chance.uniform(least, most) * options.seconds, AWAY_SECS_MIN), last)
        events.append(event(chance, options, kind, round(at, 1), round(max(until, at + AWAY_SECS_MIN), 1)))
    return sorted(disjoint(events), key=lambda event: event.at)


def event(chance, options, kind, at, until):
    collectors = kind in ("partition", "kill-collector")
    target = None if kind in ("blackout", "fill-lake") else chance.randrange(options.collectors if collectors else options.sensors)
    value = {
        "loss": lambda: chance.randint(*LOSS),
        "slow": lambda: chance.randint(*SLOW_KBIT),
        "step-clock": lambda: chance.choice((-1, 1)) * chance.randint(*STEP_SECS),
    }.get(kind, lambda: 0)()
    return Event(at, until, kind, target, value)


def disjoint(events):
    """Leaves out what would happen to something to which the same is happening."""
    kept = []
    for event in sorted(events, key=lambda event: event.at):
        same = (other for other in kept if (other.kind, other.target) == (event.kind, event.target))
        if all(other.until + 0.5 < event.at for other in same):
            kept.append(event)
    return kept
