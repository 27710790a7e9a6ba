"""From a capture to something kept: the stages of an ingest, whole ingests, and other programs on the same capture."""

import json
import os
import shutil

import measure
import page

# SYN without ACK whose sequence number is the destination address.
MIRAI = "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn and tcp[4:4] = ip[16:4]"
TSHARK_FIELDS = "frame.time_epoch ip.src ip.dst ip.proto ip.ttl ip.len ip.id tcp.srcport tcp.dstport tcp.flags tcp.seq_raw tcp.window_size_value udp.srcport udp.dstport".split()


def stages(bench, capture):
    """What each stage costs on one thread, and what it leaves behind."""
    command = [bench.stages, "--json", "--rounds", str(bench.rounds), *bench.geo, capture]
    found = json.loads(measure.run(command).stdout)
    rows = [(stage["name"], f"{stage['ns_per_packet']:.1f}", f"{stage['least']:.1f}–{stage['greatest']:.1f}") for stage in found["stages"]]
    text = f"{page.count(found['packets'])} packets in {found['segments']} segments with {page.count(found['sources'])} sources in all, one thread, {bench.rounds} rounds.\n\n"
    text += page.table(("stage", "CPU ns a packet, median", "least–greatest"), rows)
    packets = found["packets"]
    rows = [(sealed["table"], page.count(sealed["rows"]), page.count(sealed["bytes"]), f"{sealed['bytes'] / packets:.2f}") for sealed in found["sealed"]]
    return text + "\n" + page.table(("table as sealed", "rows", "bytes", "bytes a packet"), rows)


class Peers:
    """Other programs on the same capture; those that are not there are told, not passed over."""

    def __init__(self, bench, capture):
        self.bench, self.capture = bench, capture
        self.contenders, self.missing, self.packets, self.kept = {}, [], {}, {}
        self.add("`cat`", None, "cat", lambda: measure.run(["cat", capture], discard=True))
        self.add("`tcpdump --count`", ["tcpdump", "-n", "-r", capture, "--count"], "tcpdump")
        self.add("`tcpdump --count`, Mirai filter", ["tcpdump", "-n", "-r", capture, "--count", MIRAI], "tcpdump")
        flows = os.path.join(bench.work, "nfpcapd")
        self.add("`nfpcapd`, LZ4", None, "nfpcapd", lambda: self.nfpcapd(flows))
        part = min(bench.tshark_packets, bench.packets)
        fields = [word for name in TSHARK_FIELDS for word in ("-e", name)]
        name = f"`tshark -T fields`, first {page.count(part)} packets, with its start"
        command = ["tshark", "-n", "-r", capture, "-c", str(part), "-T", "fields", *fields]
        self.add(name, None, "tshark", lambda: measure.run(command, discard=True))
        self.packets[name] = part

    def add(self, name, command, program, action=None):
        if shutil.which(program) is None:
            self.missing.append(name)
            return
        self.packets[name] = self.bench.packets
        self.contenders[name] = action or (lambda: measure.run(command))

    def nfpcapd(self, flows):
        shutil.rmtree(flows, ignore_errors=True)
        os.makedirs(flows)
        help_text = measure.run(["nfpcapd", "-h"], expect=range(256))
        # The option changed its name with version 1.7.2.
        lz4 = ["-z=lz4"] if "-z=lz4" in help_text.stdout + help_text.stderr else ["-y"]
        done = measure.run(["nfpcapd", "-r", self.capture, "-w", flows, *lz4])
        self.kept["`nfpcapd`, LZ4"] = folder_bytes(flows)
        shutil.rmtree(flows)
        return done


def folder_bytes(folder):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)


def sizes(bench, lake):
    """Bytes and rows of each table."""
    rows = json.loads(bench.hirundo_run(lake, "lake", "stats", "--format", "json").stdout)
    return {row["table"]: (row["rows"] or 0, row["bytes"] or 0, row["files"] or 0) for row in rows}


def whole(bench, capture):
    """Whole ingests to a new lake on disk each time, interleaved with the other programs."""
    peers = Peers(bench, capture)
    lake = os.path.join(bench.work, "lake")

    def ingest(threads):
        shutil.rmtree(lake, ignore_errors=True)
        # So that one contender does not wait for what another wrote.
        os.sync()
        done = bench.hirundo_run(lake, "--threads", str(threads), "ingest", *bench.geo, capture, "--format", "json")
        stored = json.loads(done.stdout)["packets"]
        if stored != bench.packets:
            raise measure.Failed(f"{stored} packets were stored of {bench.packets}")
        return done

    contenders = {"`hirundo ingest`, 1 thread": lambda: ingest(1), "`hirundo ingest`, 2 threads": lambda: ingest(2)}
    ours = list(contenders)
    contenders |= peers.contenders
    series = measure.interleave(contenders, bench.rounds)
    ingest(2)
    before = sizes(bench, lake)
    agreement = agree(bench, lake, peers, series)
    compacting = bench.hirundo_run(lake, "lake", "compact", "-q")
    after = sizes(bench, lake)
    for name in ours:
        peers.packets[name] = bench.packets
        peers.kept[name] = sum(size[1] for size in before.values())
    shutil.rmtree(lake)
    one = one_packet(bench, lake)
    text = f"{page.count(bench.packets)} packets, {page.megabytes(os.path.getsize(capture))} MB of pcap in the page cache, {bench.rounds} interleaved rounds, medians (least–greatest).\n\n"
    text += programs(series, peers) + "\n" + agreement + "\n" + kept(before, after, bench.packets)
    share = compacting.cpu_secs * 1e9 / bench.packets
    start = one.cpu_secs * 1e9 / bench.packets
    text += f"\nAn ingest of a single packet (loading the databases, making the lake) takes {one.cpu_secs:.2f} s of CPU; that is {start:.0f} ns of each packet above.\n"
    return text + f"\nCompaction took {share:.0f} ns of CPU a packet, {compacting.wall_secs:.1f} s, with a peak of {page.megabytes(compacting.peak_bytes)} MB.\n"


def one_packet(bench, lake):
    """An ingest of a single packet: everything that does not grow with the capture."""
    capture = os.path.join(bench.work, "benchmark-1.pcap")
    measure.run([bench.hirundo, "simulate", "--benchmark", "1", "--out", capture, "-q"])
    done = bench.hirundo_run(lake, "--threads", "1", "ingest", *bench.geo, capture, "-q")
    shutil.rmtree(lake)
    return done


def programs(series, peers):
    floor = measure.peak_floor_bytes()
    rows = []
    for name, runs in series.items():
        packets = peers.packets[name]
        peak = max(one.peak_bytes for one in runs.runs)
        rate = sorted(packets / one.wall_secs for one in runs.runs)
        rows.append((
            name,
            page.span(runs, lambda one: one.cpu_secs, 1e9 / packets),
            f"{page.number(rate[len(rate) // 2] / 1e6)} ({page.number(rate[0] / 1e6)}–{page.number(rate[-1] / 1e6)})",
            page.megabytes(peak) if peak > floor else f"< {page.megabytes(floor)}",
            page.megabytes(peers.kept[name]) if name in peers.kept else "–",
        ))
    rows += [(name, "not installed", "", "", "") for name in peers.missing]
    return page.table(("program", "CPU ns a packet", "million packets/s (wall)", "peak MB", "kept, MB"), rows)


def agree(bench, lake, peers, series):
    """Whether the lake and tcpdump count the same."""
    question = "SELECT count(*) AS all_packets, count(*) FILTER (WHERE tcp_seq = dst AND tcp_flags & 18 = 2) AS mirai FROM packets"
    ours = json.loads(bench.hirundo_run(lake, "query", "--format", "json", question).stdout)[0]
    names = {"`tcpdump --count`": ours["all_packets"], "`tcpdump --count`, Mirai filter": ours["mirai"]}
    lines = []
    for name, mine in names.items():
        if name in series:
            last = series[name].runs[-1]
            theirs = next(int(line.split()[0]) for line in (last.stdout + last.stderr).splitlines() if line.endswith(("packets", "packet")))
            if theirs != mine:
                raise measure.Failed(f"{name} counts {theirs} packets, the lake {mine}")
            lines.append(f"{name} counts {page.count(theirs)}")
    return f"The lake holds the same: {'; '.join(lines)}.\n" if lines else ""


def kept(before, after, packets):
    rows = [
        (f"`{name}`", page.count(before[name][0]), f"{before[name][1] / packets:.2f}", page.count(after[name][0]), f"{after[name][1] / packets:.2f}")
        for name in before
    ]
    totals = [f"{sum(size[1] for size in sizes.values()) / packets:.2f}" for sizes in (before, after)]
    rows.append(("all", "", totals[0], "", totals[1]))
    return page.table(("table", "rows", "bytes a packet", "rows, compacted", "bytes a packet, compacted"), rows)
