#!/usr/bin/env python3
"""Measures bet-ingest with its ledger on NATS JetStream, beside the file ledger and a bare publisher on the same cluster.

    cluster.py                            four rows, three rounds; about seven minutes
    cluster.py --rows 8/5,64/100          only these rows: KiB of a chunk / agencies
    cluster.py --kinds bare-1,node-1      only these programs; the rest of the table stays empty
    cluster.py --rounds 5 --seconds 4     more runs of each program, longer ones
    cluster.py --window 32                chunks that each agency keeps unacknowledged; default 16
    cluster.py --bare-window 16           chunks of a message of the bare publisher; default half the window
    cluster.py --json FILE                also writes every run to a file

    PROGRAMS_CLUSTER=FOLDER  of bet-ingest, built with the trait JetStream; default .build-cluster/build/release
    PROGRAMS=FOLDER          of bet-ingest-pki, which makes the servers' keys; default .build/release
    CLUSTER_PORT=PORT        the first of nine ports of the servers; default 17222
    BENCH_FOLDER=FOLDER      of the ledgers, both kinds; default that of temporary files

It starts three servers of its own with scripts/cluster and ends them. The programs take turns, in another order each round;
tables show medians and ratios of medians. One node is compared with a bare publisher of one connection, three nodes with
one of three. The load generator and the bare publisher use the same bets. CPU is that of the programs (clients) and of the
three servers, without the generator.
"""
import argparse, contextlib, json, os, pathlib, shutil, signal, statistics, subprocess, sys, time

from draws import cpu_seconds
from ingest import medians, spread
from processes import ROOT, Failed, free_port, ingest, output, running, scratch
from report import machine, table

HERE = ROOT / "Benchmarks"
BUILD = HERE / ".build/cluster"
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS_CLUSTER", ROOT / ".build-cluster/build/release")).absolute()
SERVERS = 3
BET_BYTES = 33  # of measure.h
ROWS = ["8/5", "8/100", "64/5", "64/100"]
KINDS = {"file": "file ledger", "bare-1": "bare publisher, 1 connection", "node-1": "one node",
         "bare-3": "bare publisher, 3 connections", "node-3": "three nodes"}
LEAST_RATE, MOST_CPU = 0.8, 1.3  # of the bare publisher's


def compiled(name, source, *libraries):
    """Compiles a C program unless it is newer than its source; returns its path."""
    program, header = BUILD / name, HERE / "Sources/measure/measure.h"
    if program.exists() and program.stat().st_mtime > max(source.stat().st_mtime, header.stat().st_mtime):
        return program
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", f"-I{header.parent}", "-o", program, source,
                        *libraries], check=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"bench: {name} could not be compiled; it needs: apt-get install gcc libc6-dev libnats-dev")
    return program


class Cluster:
    """Three servers, from scripts/cluster."""

    def __init__(self, folder, publisher):
        self.folder, self.pki, self.publisher = folder, folder / "pki", publisher
        port = int(os.environ.get("CLUSTER_PORT", "17222"))
        self.environment = {**os.environ, "CLUSTER_FOLDER": str(folder), "CLUSTER_PORT": str(port)}
        self.servers = ",".join(f"127.0.0.1:{port + index}" for index in range(SERVERS))

    def __enter__(self):
        try:
            self.script("up")
        except BaseException:  # Ctrl-C too: every server is ended
            self.script("down")
            raise
        self.pids = [int((self.folder / f"server-{number}.pid").read_text()) for number in range(1, SERVERS + 1)]
        return self

    def __exit__(self, *_):
        self.script("down")

    def script(self, command):
        out = subprocess.run([ROOT / "scripts/cluster", command], env=self.environment, capture_output=True, text=True)
        if out.returncode != 0:
            raise Failed(out.stderr.strip())

    def publish(self, draw, connections, agencies, window, chunk, seconds):
        return output(self.publisher, self.servers, self.pki, "ingest", "publish", draw, connections, agencies, window, chunk,
                      seconds, seconds=seconds + 90)

    def request(self, subject):
        """Asks as the operator, who may do everything."""
        reply = output(self.publisher, self.servers, self.pki, "operator", "request", subject)
        if "error" in reply:
            raise Failed(f"{subject}: {reply['error']['description']}")
        return reply

    def settings(self):
        """Returns the settings of a node."""
        values = {"ledger.kind": "jetstream", "ledger.servers": self.servers, "ledger.tls.roots": self.pki / "root.pem",
                  "ledger.tls.certificate": self.pki / "ingest.pem", "ledger.tls.key": self.pki / "ingest.key"}
        return [argument for key, value in values.items() for argument in ("--set", f"{key}={value}")]


@contextlib.contextmanager
def nodes(folder, draw, count, agencies, settings=()):
    """Runs bet-ingest `count` times, each with a data folder of its own; gives the processes and their ports."""
    data = folder / draw
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        processes, ports = [], []
        for number in range(count):
            own, port = data / str(number), free_port()
            own.mkdir(parents=True)
            log = stack.enter_context(open(own / "log", "w"))
            # One agency more than the generator plays, so that the draw stays open.
            arguments = [PROGRAMS / "bet-ingest", *ingest(own, port, agencies + 1)[1:], "--set", f"draw.id={draw}", *settings]
            try:
                processes.append(stack.enter_context(running(arguments, port, log=log)))
            except SystemExit as failure:
                raise Failed(f"{failure}: {(own / 'log').read_text()[-1000:]}") from None
            ports.append(port)
        yield processes, ports


def measure(kind, cluster, generator, folder, draw, chunk, agencies, options):
    """Runs one program; returns its rate, its times, CPU seconds for a million bets, and KB of a message."""
    which, count = kind.partition("-")[::2]
    count = int(count or 1)
    with contextlib.ExitStack() as stack:
        if which == "bare":
            processes = []
            send = lambda seconds: cluster.publish(draw, count, agencies, options.bare_window or options.window // 2, chunk, seconds)
        else:
            settings = cluster.settings() if which == "node" else ()
            processes, ports = stack.enter_context(nodes(folder, draw, count, agencies, settings))
            # The draw is named: a node opens every draw that the cluster has.
            send = lambda seconds: output(generator, ",".join(map(str, ports)), agencies, options.window, chunk, seconds,
                                          0, 0, 0, draw, seconds=seconds + 90)

        def cpu_of(seconds):
            """Sends for `seconds`; returns the result, and the CPU seconds of clients and servers."""
            groups = [process.pid for process in processes], cluster.pids if which != "file" else []
            before = [sum(map(cpu_seconds, pids)) for pids in groups]
            run = send(seconds)
            time.sleep(0.3)  # the last follower may store a message after its acknowledgement
            return run, [sum(map(cpu_seconds, pids)) - value for pids, value in zip(groups, before)]

        # The cost of connecting (TLS, the stream, a node's message for each agency) is not part of the cost of a bet.
        _, connecting = cpu_of(0)
        run, used = cpu_of(options.seconds)
    million = run["bets"] / 1e6
    if million == 0:
        raise Failed("no bet was acknowledged")
    clients, servers = (whole - part for whole, part in zip(used, connecting))
    clients = run.get("cpu_seconds", clients)  # the bare publisher's own, without connecting
    result = {key: run[key] for key in ("bets", "seconds", "bets_per_second", "p50_ms", "p99_ms")}
    result |= {"clients": clients / million, "servers": servers / million, "cpu": (clients + servers) / million,
               "connecting": sum(connecting), "message_kb": 0.0}
    if which != "file":
        stored = cluster.request(f"$JS.API.STREAM.INFO.QUINIELA_{draw}")["state"]
        if stored["bytes"] < run["bets"] * BET_BYTES:
            raise Failed(f"{stored['bytes']} bytes are stored, too few for {run['bets']:.0f} acknowledged bets")
        sessions = 2 * agencies if which == "node" else 0  # a small message for each connection
        result["message_kb"] = stored["bytes"] / 1000 / max(1, stored["messages"] - sessions)
        cluster.request(f"$JS.API.STREAM.DELETE.QUINIELA_{draw}")
        if which == "node":  # or the next node would open this draw again
            cluster.request("$JS.API.STREAM.PURGE.KV_quiniela-draws")
        time.sleep(0.3)  # so that the next run does not pay for it
    return result


def rows(options):
    """Measures all rows; returns for each the runs of each kind."""
    generator = compiled("quiniela-load", HERE / "Sources/quiniela-load/main.c")
    publisher = compiled("bare-publisher", HERE / "cluster/bare-publisher.c", "-lnats", "-pthread")
    results = []
    with scratch() as folder, Cluster(folder / "cluster", publisher) as cluster:
        for row in options.rows:
            kib, agencies = map(int, row.split("/"))
            runs = {kind: [] for kind in options.kinds}
            for round in range(options.rounds):
                first = round % len(options.kinds)
                for kind in options.kinds[first:] + options.kinds[:first]:
                    draw = f"bench-{kib}-{agencies}-{kind}-{round}"
                    try:
                        runs[kind].append(measure(kind, cluster, generator, folder, draw, kib * 1024, agencies, options))
                    except Failed as failure:
                        raise Failed(f"{row}, {KINDS[kind]}, round {round + 1}: {failure}") from None
            results.append({"chunk_kib": kib, "agencies": agencies, "runs": runs})
            print(f"  {row}: " + ", ".join(f"{kind} {statistics.median(r['bets_per_second'] for r in runs[kind]) / 1e6:.2f}"
                                           for kind in runs), file=sys.stderr)
    return results


def report(results, options):
    lines = []
    for result in results:
        median = {kind: medians(runs) for kind, runs in result["runs"].items()}

        def ratio(kind, other, key):
            return median[kind][key] / median[other][key] if other in median and other != kind else None

        text = lambda value: "" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
        bold = lambda value: "" if value is None else f"**{text(value)}**"
        for kind, m in median.items():
            is_node = kind.startswith("node")
            bare = kind.replace("node", "bare") if is_node else kind
            lines.append([
                f"{result['chunk_kib']} KiB / {result['agencies']}", KINDS[kind],
                f"{m['bets_per_second'] / 1e6:.2f} ± {spread([r['bets_per_second'] for r in result['runs'][kind]]):.0%}",
                bold(ratio(kind, bare, "bets_per_second")), f"≥ {LEAST_RATE}" if is_node else "",
                text(ratio(kind, "file", "bets_per_second")), f"{m['clients']:.3f}", f"{m['servers']:.3f}", f"{m['cpu']:.3f}",
                bold(ratio(kind, bare, "cpu")), f"≤ {MOST_CPU}" if is_node else "", text(ratio(kind, "file", "cpu")),
                f"{m['p50_ms']:.1f}, {m['p99_ms']:.1f}", f"{m['message_kb']:.0f}" if m["message_kb"] else ""])
    about = f"{machine()} Window {options.window}; medians of {options.rounds} runs of {options.seconds:g} s."
    return f"{about}\n\n" + table(
        ["chunk / agencies", "", "million bets/s", "to the bare publisher", "goal", "to the file",
         "CPU s / million bets: clients", "servers", "both", "to the bare publisher", "goal", "to the file", "p50, p99 ms",
         "KB a message"], lines)


def names(known):
    def parse(text):
        chosen = text.split(",")
        for name in chosen:
            if known is not None and name not in known:
                raise argparse.ArgumentTypeError(f"{name} is not one of {', '.join(known)}")
            if known is None and [part.isdigit() for part in name.split("/")] != [True, True]:
                raise argparse.ArgumentTypeError(f"{name} is not KIB/AGENCIES, for example 64/100")
        return chosen
    return parse


def main():
    # SystemExit lets `with` blocks end processes and servers; the signal's default would not.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=names(None), default=ROWS)
    parser.add_argument("--kinds", type=names(KINDS), default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--bare-window", type=int)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if any(not kind.startswith("bare") for kind in options.kinds) and not (PROGRAMS / "bet-ingest").exists():
        sys.exit(f"bench: there is no {PROGRAMS / 'bet-ingest'}; make it with\n  swift build -c release --traits JetStream "
                 "--scratch-path .build-cluster/build --product bet-ingest\nor name its folder in PROGRAMS_CLUSTER")
    try:
        results = rows(options)
    except Failed as failure:
        sys.exit(f"bench: {failure}")
    print(report(results, options))
    if options.json:
        values = {"machine": machine(), "window": options.window, "seconds": options.seconds, "rows": results}
        options.json.write_text(json.dumps(values, indent=1) + "\n")


main()
