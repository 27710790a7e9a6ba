"""Tests of what a verdict rests on: `python3 -B -m unittest discover -s scripts/fleet`."""

import argparse
import os
import struct
import time
import unittest

import generator
import plan
import verdict
from processes import Process
from verdict import Count


class Numbers(unittest.TestCase):
    def test_a_packet_s_number_comes_back(self):
        for number in (0, 1, 65_535, 65_536, 3_000_000):
            frame = generator.frame(7, number)
            src_port, = struct.unpack_from("!H", frame, 34)
            window, = struct.unpack_from("!H", frame, 48)
            self.assertEqual(generator.number_of(src_port, window), number)
            # Sums over headers with their checksums are all ones (RFC 1071).
            self.assertEqual(generator.folded(sum(struct.unpack_from("!10H", frame, 14))), 0)
            pseudo = sum(struct.unpack_from("!4H", frame, 26)) + generator.PROTO_TCP + 20
            self.assertEqual(generator.folded(pseudo + sum(struct.unpack_from("!10H", frame, 34))), 0)


class Plans(unittest.TestCase):
    def test_a_seed_makes_one_plan_with_everything_in_it(self):
        options = argparse.Namespace(seed=5, seconds=600, sensors=20, collectors=2, short=False, calm=False)
        events = plan.make(options)
        self.assertEqual(events, plan.make(options))
        self.assertEqual({event.kind for event in events}, set(plan.KINDS))
        self.assertTrue(all(plan.QUIET_SECS <= event.at < event.until <= 600 for event in events))
        options.seed = 6
        self.assertNotEqual(events, plan.make(options))


class Verdicts(unittest.TestCase):
    def test_gaps(self):
        self.assertEqual(list(verdict.gaps([(0, 9)], 10)), [])
        self.assertEqual(list(verdict.gaps([], 10)), [(0, 10)])
        self.assertEqual(list(verdict.gaps([(2, 3), (5, 7)], 10)), [(0, 2), (4, 5), (8, 10)])

    def test_absent_packets_are_told_by_when_they_were_sent(self):
        # Ten packets a second; the sensor was away in the twentieth second.
        times, nexts = [float(second) for second in range(1, 41)], [second * 10 for second in range(1, 41)]
        away = [(20.0, 21.0)]
        self.assertEqual(verdict.by_presence([(200, 210)], nexts, times, away), (10, 0))
        self.assertEqual(verdict.by_presence([(0, 10), (195, 205)], nexts, times, away), (10, 10))
        self.assertEqual(verdict.by_presence([(390, 400)], nexts, times, [(39.0, None)]), (10, 0))

    def test_what_a_full_disk_kept_from_the_journal_goes_with_the_process(self):
        for full_since, begin in ((None, None), (7.0, 7.0)):
            process = Process("s00", ["sleep", "60"], os.devnull)
            process.start()
            process.full_since, before = full_since, time.monotonic()
            process.kill()
            self.assertGreaterEqual(process.away[0][0], begin or before)
            self.assertEqual(process.away[0][0] == 7.0, begin == 7.0)

    def check(self, count, stretches, expected, generated=100):
        faults = list(verdict.faults_of("s00", count, generated, stretches))
        self.assertEqual(len(faults), len(expected), faults)
        for fault, part in zip(faults, expected):
            self.assertIn(part, fault)

    def test_faults(self):
        self.check(Count(100, rows=100, distinct=100), [(0, 99)], [])
        lost = Count(100, rows=80, distinct=80, missed=20, away=20)
        self.check(lost, [(0, 79)], [])
        self.check(Count(100, rows=99, distinct=99, present=1), [(0, 98)], ["1 packets are neither", "absent from times when it ran"])
        self.check(Count(100, rows=101, distinct=100), [(0, 99)], ["1 packets are in the lake twice", "1 packets are both"])
        self.check(Count(100, rows=100, distinct=100, spool=5), [(0, 99)], ["5 packets are both"])
        # Right in sum, wrong in place: nothing was dropped, and it was not away.
        self.check(Count(100, rows=80, distinct=80, missed=20, present=20), [(0, 79)], ["20 packets are absent from times when it ran"])
        self.check(Count(100, rows=100, distinct=100), [(0, 100)], ["never sent"])
        self.check(Count(99, rows=99, distinct=99), [(0, 98)], ["the generator sent 100"])


if __name__ == "__main__":
    unittest.main()
