"""winners-service beside quiniela-echo, a bare SwiftNIO echo of the same bytes, and the memory of connections.

consultations() runs both servers in turn (A B A B ...) under the same generator, which sends both the same requests and
gets the same answer from both. With 50 connections each turn of an event loop finds several that are ready, as after a
draw, and the generator waits for the server, not the server for the generator (see generator_cpu). An agency has window
1, which costs a read and a write for each answer. In window 16, 16 answers share these, so that the service's own cost
of an answer shows most. The echo writes each answer separately, as a first implementation would.

parked() and idle() measure the memory that 10,000 connections add to a service, without the kernel's part of a socket.
"""
import contextlib, resource, socket, statistics, struct

from agencies import send, services
from ingest import medians
from processes import ROOT, TOOLS, free_port, ingest, memory, output, running, scratch, until, winners

ECHO = ROOT / "Benchmarks/Echo/.build/release/quiniela-echo"
CONNECTIONS = 50
WINDOWS = (1, 16)
GOAL = 0.8  # of the echo's answers a second
IDLE_GOAL = 2500  # bytes
AGENCY = 1  # of the sample: the one with the most winners
DEADLINE = 30  # seconds, for every wait

INFORM, NOT_DRAWN_YET, WELCOME = 0x84, 0x85, 0x81


def publish_draw(data):
    """Publishes a draw of the sample, whose agencies send in parallel as in scripts/demo; returns their number."""
    files = sorted((ROOT / "data").glob("agency-[0-9].csv"))
    first, second, addresses = services(data, len(files))
    with first, second:
        runs = [send(index + 1, file, addresses, []) for index, file in enumerate(files)]
        if any(run.wait(DEADLINE) for run in runs):
            raise SystemExit("bench: an agency did not get its winners")
    return len(files)


# ---- The parts of the native protocol that are needed (docs/protocol.md).

def hello(agency):
    return struct.pack(">IBBIBB", 8, 1, 1, agency, 0, 0)


def consult(wait_milliseconds):
    return struct.pack(">IBI", 5, 4, wait_milliseconds)


def frame(connection, expected=None):
    """Reads the next frame, its length included; it may have any type if `expected` is None."""
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
    if expected and body[0] != expected:
        raise RuntimeError(f"message 0x{body[0]:02X} instead of 0x{expected:02X}")
    return length + body


def connect(port):
    return socket.create_connection(("127.0.0.1", port), DEADLINE)


# ---- Consultations a second.

def published_answer(port):
    """Returns an agency's winners, as a frame, once the service has loaded the draw, else None."""
    with connect(port) as connection:
        connection.sendall(hello(AGENCY) + consult(0))
        frame(connection, WELCOME)
        answer = frame(connection)
    return answer if answer[4] == INFORM else None


def consultations(rounds=3, seconds=1.5):
    """Returns {window: {"service", "echo": medians, "spread": (max - min) / median of the answers a second, "ratio", "cpu"}}

    ratio: answers a second, service to echo; cpu: CPU time of an answer, service to echo.
    """
    def run(port, pid, window, agency):
        return output(TOOLS / "quiniela-consult", port, CONNECTIONS, window, seconds, agency, pid)

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        agencies, port, echo_port = publish_draw(folder), free_port(), free_port()
        service = stack.enter_context(running(winners(folder, port, agencies), port))
        answer = until("published draw", DEADLINE, lambda: published_answer(port))
        echo = stack.enter_context(running([ECHO, echo_port, len(consult(0)), answer.hex()], echo_port))
        servers = {"service": (port, service.pid, AGENCY), "echo": (echo_port, echo.pid, 0)}
        results = {}
        for window in WINDOWS:
            runs = {name: [] for name in servers}
            for _ in range(rounds):
                for name, (at, pid, agency) in servers.items():
                    runs[name].append(run(at, pid, window, agency))
            result = {name: medians(values) for name, values in runs.items()}
            rates = {n: [r["answers_per_second"] for r in rs] for n, rs in runs.items()}
            result["spread"] = {n: (max(r) - min(r)) / statistics.median(r) for n, r in rates.items()}
            result["ratio"] = result["service"]["answers_per_second"] / result["echo"]["answers_per_second"]
            result["cpu"] = result["service"]["cpu_us_per_answer"] / result["echo"]["cpu_us_per_answer"]
            results[window] = result
        return results


# ---- Memory of connections.

def resident(pid):
    """Returns the kilobytes of memory that the process has allocated, and those of its program's file."""
    return {field: memory(pid, field) * 1024 for field in ("RssAnon", "RssFile")}


def growth(server, port, count, begin, settle):
    """Measures the memory of `count` connections: begin(connection, index) sends, settle(connection) awaits the answer."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < count + 100:  # the service raises its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 100, most), most))
    with contextlib.ExitStack() as stack:
        def open_one(index):
            connection = stack.enter_context(connect(port))
            begin(connection, index)
            settle(connection)
        open_one(0)  # not counted: the first connection of all has costs of its own
        before = resident(server.pid)
        for index in range(1, count + 1):
            open_one(index)
        after = resident(server.pid)
    return {"connections": count, "before_kb": before, "after_kb": after,
            "bytes_each": round((after["RssAnon"] - before["RssAnon"]) * 1024 / count)}


def parked(count=10000):
    """Measures connections to winners-service that have asked for their winners and wait for the draw."""
    def begin(connection, index):
        connection.sendall(hello(AGENCY))
        frame(connection, WELCOME)
        # The first is answered at once. When its answer arrives, the second has been read too, and is parked.
        connection.sendall(consult(0) + consult(600000))

    port = free_port()
    with scratch() as folder, running(winners(folder, port, 5), port) as service:
        return growth(service, port, count, begin, lambda connection: frame(connection, NOT_DRAWN_YET))


def idle(count=10000):
    """Measures connections to bet-ingest that have sent HELLO, each for another agency: no connection is superseded."""
    port = free_port()
    with scratch() as folder, running(ingest(folder, port, count + 1), port) as service:
        return growth(service, port, count,
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
            f"{m['before_kb'][k]:,.0f}, {m['after_kb'][k]:,.0f}" for k in ("RssAnon", "RssFile")) + " |")
    return "\n".join(lines)
