"""Reads the command line of scripts/fleet.sh and runs what was asked for."""

import argparse
import signal
import sys

import chaos
import demo
import plan
import replay
from processes import Failed


def options_of_chaos(parser):
    parser.add_argument("--seed", type=int, default=1, help="what happens when and to whom (%(default)s)")
    parser.add_argument("--seconds", type=int, default=600, help="how long packets are sent (%(default)s)")
    parser.add_argument("--sensors", type=int, default=20, help="how many sensors, 1 to 60 (%(default)s)")
    parser.add_argument("--collectors", type=int, default=2, help="how many collectors, 1 to 8 (%(default)s)")
    parser.add_argument("--rate", type=int, default=300, help="packets a second and sensor, on average (%(default)s)")
    parser.add_argument("--short", action="store_true", help="3 sensors, 2 collectors, 40 seconds: for `make test`")
    parser.add_argument("--plan", action="store_true", help="print what would happen, and do nothing")
    parser.add_argument("--calm", action="store_true", help="break nothing: does the count come out at all")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs even if all is well")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="fleet.sh", description="Runs a fleet of sensors and a centre on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    options_of_chaos(commands.add_parser("chaos", help="break everything, then count every packet"))
    live = commands.add_parser("demo", help="three sensors and a centre, live")
    live.add_argument("--keep", action="store_true", help="go on until Ctrl-C, instead of a minute")
    live.add_argument("--seconds", type=int, default=45, help="how long it is shown (%(default)s)")
    twice = commands.add_parser("replay", help="captures by ingest and through sensors: is it the same lake")
    twice.add_argument("captures", nargs="+", metavar="PATH", help="captures, or folders of them")
    for command in commands.choices.values():
        command.add_argument("--bin", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.command == "chaos":
        if options.short:
            options.sensors, options.collectors, options.seconds, options.rate = 3, 2, 40, 500
        if not (1 <= options.sensors <= 60 and 1 <= options.collectors <= 8 and options.seconds >= 20 and 1 <= options.rate <= 20000):
            parser.error("that is no fleet; hint: 1 to 60 sensors, 1 to 8 collectors, 20 seconds or more, 1 to 20000 packets a second")
    return options


def main(arguments):
    options = parse(arguments)
    if options.command == "demo":
        return demo.run(options)
    if options.command == "replay":
        return replay.run(options)
    if options.plan:
        for event in plan.make(options):
            print(event)
        return 0
    return chaos.run(options)


def interrupted(_number, _frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    # As first process of its namespace, this one is only reached by signals that it asked for.
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    try:
        sys.exit(main(sys.argv[1:]))
    except Failed as failed:
        print(f"fleet.sh: {failed}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("fleet.sh: interrupted", file=sys.stderr)
        sys.exit(130)
