"""bet-ingest beside a console and its viewers: rates alone, with a console, and with 64 pages open, in turn."""
import multiprocessing, os, shutil, socket, sys, time

from ingest import medians, name
from processes import PROGRAMS, free_port, ingest, load, running, scratch

ROWS = [(8192, 5, 8), (65536, 5, 8), (8192, 100, 8)]
VIEWERS = 64


def cpu_seconds(pid):
    """Returns the CPU time of a process so far."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(port, ready, end, received):
    """Reads 64 streams until the end: a process, as browsers are."""
    sockets = []
    for _ in range(VIEWERS):
        stream = socket.create_connection(("127.0.0.1", port))
        stream.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        stream.setblocking(False)
        sockets.append(stream)
    ready.set()
    while not end.is_set():
        for stream in sockets:
            try:
                received.value += len(stream.recv(1 << 20))
            except BlockingIOError:
                pass
        time.sleep(0.2)


def measure(which, folder, row, seconds):
    chunk, connections, window = row
    port, data = free_port(), folder / "data"
    data.mkdir()
    try:
        with running(ingest(data, port, connections), port) as process:
            if which == "alone":
                return load(port, chunk, connections, window, seconds, 0, process.pid)
            page = free_port()
            console = [PROGRAMS / "console", "--data", data, "--listen", f"127.0.0.1:{page}", "--set", "log.level=WARNING"]
            with running(console, page) as server:
                ready, end, received = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Value("q", 0)
                viewers = multiprocessing.Process(target=watch, args=(page, ready, end, received))
                if which == "viewers":
                    viewers.start()
                    ready.wait(10)
                time.sleep(1)  # the first answers of both
                before, bytes_before = cpu_seconds(server.pid), received.value
                run = load(port, chunk, connections, window, seconds, 0, process.pid)
                run["console_cpu"] = (cpu_seconds(server.pid) - before) / run["seconds"]
                run["viewer_bytes"] = (received.value - bytes_before) / run["seconds"] / VIEWERS
                end.set()
                if which == "viewers":
                    viewers.join()
                return run
    finally:
        shutil.rmtree(data, ignore_errors=True)


def rates(rounds, seconds):
    results = []
    with scratch() as folder:
        for row in ROWS:
            runs = {"alone": [], "console": [], "viewers": []}
            for _ in range(rounds):
                for which in runs:
                    runs[which].append(measure(which, folder, row, seconds))
            results.append({"row": row} | {which: medians(values) for which, values in runs.items()})
            ratio = results[-1]["viewers"]["bets_per_second"] / results[-1]["alone"]["bets_per_second"]
            print(f"  {name(row)}: {ratio:.2f} with {VIEWERS} viewers", file=sys.stderr)
    return results
