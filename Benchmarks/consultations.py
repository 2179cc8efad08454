#!/usr/bin/env python3
"""Measures winners-service beside quiniela-echo, a bare SwiftNIO echo of the same bytes, and the memory of connections.

    consultations.py [ROUNDS [SECONDS [CONNECTIONS]]]     3, 1.5 and 10000 where they are not given

consultations() runs both servers in turn (A B A B ...) under the same generator, which sends both the same requests and
gets the same answer from both. 50 connections: each turn of an event loop then finds several that are ready, as after a
draw, and the generator waits for the server and not the other way round (its generator_cpu says so). Window 1 is what
an agency does, and costs a read and a write for each answer; in window 16 these are shared by 16 answers, so that what
the service itself adds to each shows most. The echo writes each answer by itself, as anybody would at first.

parked() and idle() count what 10,000 connections add to a service's memory (the kernel's part of a socket is not in it).
"""
import contextlib, json, os, pathlib, queue, re, resource, signal, socket, statistics, struct, subprocess, sys
import tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / ".build/release"
CONSULT = ROOT / "Benchmarks/.build/release/quiniela-consult"
ECHO = ROOT / "Benchmarks/Echo/.build/release/quiniela-echo"
CONNECTIONS = 50
WINDOWS = (1, 16)
GOAL = 0.8  # of the echo's answers a second
IDLE_GOAL = 2500  # bytes
AGENCY = 1  # of the sample: the one with most winners
DEADLINE = 30  # seconds, for anything that is waited for

INFORM, NOT_DRAWN_YET, WELCOME = 0x84, 0x85, 0x81


class Program:
    """A child process whose lines can be waited for."""

    def __init__(self, *arguments, pipe="stderr"):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("QUINIELA_")}
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, pipe: subprocess.PIPE}
        self.process = subprocess.Popen([str(a) for a in arguments], env=environment, text=True, **streams)
        self.pid = self.process.pid
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=(getattr(self.process, pipe),), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, pattern):
        """The match of the first line that has the pattern."""
        end, seen = time.monotonic() + DEADLINE, []
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError(f"{self.process.args[0]} does not say {pattern!r}:\n{''.join(seen[-5:])}")
            if match := re.search(pattern, line):
                return match
            seen.append(line)

    def port(self):
        return int(self.wait_for(r"accept_connections .*address: \S+:(\d+)").group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def service(name, folder, agencies):
    return Program(PROGRAMS / name, "--data", folder, "--listen", "127.0.0.1:0", "--set", f"agencies={agencies}")


def scratch_folder():
    return tempfile.TemporaryDirectory(prefix="quiniela-bench-", dir=os.environ.get("BENCH_FOLDER"))


def publish_draw(folder):
    """A published draw of the sample: its agencies send their files side by side, as in scripts/demo."""
    files = sorted((ROOT / "data").glob("agency-[0-9].csv"))
    with service("bet-ingest", folder, len(files)) as ingest, service("winners-service", folder, len(files)) as winners:
        addresses = [f"ingest.address=127.0.0.1:{ingest.port()}", f"winners.address=127.0.0.1:{winners.port()}"]
        with contextlib.ExitStack() as stack:
            runs = [stack.enter_context(Program(
                PROGRAMS / "agency", "send", "--id", file.stem.split("-")[1], "--file", file,
                "--set", addresses[0], "--set", addresses[1])) for file in files]
            for run in runs:
                if run.process.wait(DEADLINE) != 0:
                    raise RuntimeError(f"agency ended with {run.process.returncode}")
    return len(files)


# ---- The native protocol, as much of it as is needed (docs/protocol.md).

def hello(agency):
    return struct.pack(">IBBIBB", 8, 1, 1, agency, 0, 0)


def consult(wait_milliseconds):
    return struct.pack(">IBI", 5, 4, wait_milliseconds)


def frame(connection, expected):
    """The next frame, its length included."""
    def take(count):
        bytes = b""
        while len(bytes) < count:
            part = connection.recv(count - len(bytes))
            if not part:
                raise RuntimeError("the service closed")
            bytes += part
        return bytes
    length = take(4)
    body = take(struct.unpack(">I", length)[0])
    if body[0] != expected:
        raise RuntimeError(f"message 0x{body[0]:02X} and not 0x{expected:02X}")
    return length + body


def connect(port):
    return socket.create_connection(("127.0.0.1", port), DEADLINE)


# ---- Consultations a second.

def consultations(rounds=3, seconds=1.5):
    """{window: {"service", "echo": medians, "spread": (max - min) / median of the answers a second, "ratio", "cpu"}}

    ratio: of the answers a second, service to echo; cpu: of the CPU for each answer.
    """
    def run(server, port, window):
        out = subprocess.run([CONSULT, port, str(CONNECTIONS), str(window), str(seconds),
                              str(AGENCY if server is winners else 0), str(server.pid)], capture_output=True, text=True)
        if out.returncode != 0:
            raise RuntimeError(f"quiniela-consult: {out.stderr}")
        return json.loads(out.stdout)

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        winners = stack.enter_context(service("winners-service", folder, publish_draw(folder)))
        port = winners.port()
        winners.wait_for("load_result")
        with connect(port) as connection:
            connection.sendall(hello(AGENCY) + consult(0))
            frame(connection, WELCOME)
            answer = frame(connection, INFORM)
        echo = stack.enter_context(Program(ECHO, len(consult(0)), answer.hex(), pipe="stdout"))
        servers = {"service": (winners, str(port)), "echo": (echo, echo.wait_for(r"\d+").group())}
        results = {}
        for window in WINDOWS:
            runs = {name: [] for name in servers}
            for _ in range(rounds):
                for name, (server, at) in servers.items():
                    runs[name].append(run(server, at, window))
            result = {n: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for n, rs in runs.items()}
            rates = {n: [r["answers_per_second"] for r in rs] for n, rs in runs.items()}
            result["spread"] = {n: (max(r) - min(r)) / statistics.median(r) for n, r in rates.items()}
            result["ratio"] = result["service"]["answers_per_second"] / result["echo"]["answers_per_second"]
            result["cpu"] = result["service"]["cpu_us_per_answer"] / result["echo"]["cpu_us_per_answer"]
            results[window] = result
        return results


# ---- Memory of connections.

def memory(pid):
    """Kilobytes: what the process has allocated, and what of its program's file it has in memory."""
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return {name: int(fields[name].split()[0]) for name in ("RssAnon", "RssFile")}


def growth(server, port, count, begin, settle):
    """What `count` connections add; begin(connection, index) speaks on each, settle(connection) waits until it has all."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < count + 100:  # the service raises its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 100, most), most))
    with contextlib.ExitStack() as stack:
        def open_one(index):
            connection = stack.enter_context(connect(port))
            begin(connection, index)
            settle(connection)
        open_one(0)  # not counted: what the first connection of all costs is no matter of connections
        before = memory(server.pid)
        for index in range(1, count + 1):
            open_one(index)
        after = memory(server.pid)
    return {"connections": count, "before_kb": before, "after_kb": after,
            "bytes_each": round((after["RssAnon"] - before["RssAnon"]) * 1024 / count)}


def parked(count=10000):
    """Of a connection to winners-service that has asked for its winners and waits for the draw."""
    def begin(connection, index):
        connection.sendall(hello(AGENCY))
        frame(connection, WELCOME)
        # Of these two the first is answered at once; when its answer is here, the second has been read too, and waits.
        connection.sendall(consult(0) + consult(600000))

    with scratch_folder() as folder, \
            service("winners-service", folder, 5) as winners:
        return growth(winners, winners.port(), count, begin, lambda connection: frame(connection, NOT_DRAWN_YET))


def idle(count=10000):
    """Of a connection to bet-ingest that has said HELLO; each is an agency of its own, for a second one would replace it."""
    with scratch_folder() as folder, \
            service("bet-ingest", folder, count + 1) as ingest:
        return growth(ingest, ingest.port(), count,
                      lambda connection, index: connection.sendall(hello(index + 1)),
                      lambda connection: frame(connection, WELCOME))


def report(results, parked, idle):
    lines = [f"| {CONNECTIONS} connections, window | answers/s | echo | ratio | goal | CPU µs / answer | echo | ratio "
             "| p50, p99 ms | echo |", "|" + "---|" * 10]
    for window, r in results.items():
        s, e = r["service"], r["echo"]
        lines.append(
            f"| {window} | {s['answers_per_second']:,.0f} ± {r['spread']['service'] * 50:.0f}% "
            f"| {e['answers_per_second']:,.0f} ± {r['spread']['echo'] * 50:.0f}% | **{r['ratio']:.2f}** | ≥ {GOAL} "
            f"| {s['cpu_us_per_answer']:.2f} | {e['cpu_us_per_answer']:.2f} | **{r['cpu']:.2f}** "
            f"| {s['p50_ms']:.2f}, {s['p99_ms']:.2f} | {e['p50_ms']:.2f}, {e['p99_ms']:.2f} |")
    lines += ["", "| connections | bytes each | goal | RssAnon KB before, after | RssFile KB before, after |",
              "|" + "---|" * 5]
    for name, m, goal in (("parked, winners-service", parked, ""), ("idle, bet-ingest", idle, f"≤ {IDLE_GOAL:,}")):
        lines.append(f"| {m['connections']:,} {name} | **{m['bytes_each']:,}** | {goal} | " + " | ".join(
            f"{m['before_kb'][k]:,}, {m['after_kb'][k]:,}" for k in ("RssAnon", "RssFile")) + " |")
    return "\n".join(lines)


def main():
    # SystemExit where a signal would end the program on the spot, with processes and folders left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = [float(a) for a in sys.argv[1:]] + [3, 1.5, 10000][len(sys.argv) - 1:]
    missing = [p for p in (CONSULT, ECHO, *(PROGRAMS / n for n in ("bet-ingest", "winners-service", "agency"))) if not p.exists()]
    if missing:
        sys.exit(f"consultations: {missing[0]} is not built")
    rounds, seconds, count = int(arguments[0]), arguments[1], int(arguments[2])
    results = consultations(rounds, seconds)
    print(report(results, parked(count), idle(count)))


if __name__ == "__main__":
    main()
