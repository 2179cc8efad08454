"""Many draws in one bet-ingest: what eight open draws cost, and what a draw of many bets does to the others."""
import calendar, concurrent.futures, hashlib, json, os, pathlib, shutil, socket, statistics, time

from processes import Failed, free_port, ingest, load, running, scratch, until


def ask(data, request):
    """Sends one request to the control socket; returns the value of its reply."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(600)
        peer.connect(str(data / "control/ingest.sock"))
        peer.sendall(json.dumps(request).encode() + b"\n")
        reply = json.loads(peer.makefile().readline())
    if "error" in reply:
        raise Failed(reply["error"])
    return reply["ok"]


def instant(seconds):
    """Returns a time in UTC as the service writes it."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def together(port, draws, connections, seconds):
    """Runs one load for each draw at the same time; returns the sums."""
    with concurrent.futures.ThreadPoolExecutor(len(draws)) as pool:
        runs = list(pool.map(lambda draw: load(port, 65536, connections, 8, seconds, draw=draw), draws))
    return sum(run["bets_per_second"] * run["seconds"] for run in runs), sum(run["bets_per_second"] for run in runs)


def eight(rounds, seconds):
    """Measures one agency in one draw, eight agencies in one draw, and one agency in all of eight draws, in turn."""
    shapes = {"one agency in one draw": (1, 1), "eight agencies in one draw": (1, 8), "one agency in all of eight draws": (8, 1)}
    runs = {name: [] for name in shapes}
    with scratch() as folder:
        for _ in range(rounds):
            for name, (count, agencies) in shapes.items():
                port, data = free_port(), folder / f"draws-{count}-{agencies}"
                data.mkdir()
                with running(ingest(data, port, agencies=8), port) as process:
                    draws = [f"draw-{index}" for index in range(count)]
                    for draw in draws:
                        ask(data, {"draw.open": {"id": draw, "source": "configured"}})
                    before = cpu_seconds(process.pid)
                    bets, rate = together(port, draws, agencies, seconds)
                    runs[name].append({"rate": rate, "cpu": (cpu_seconds(process.pid) - before) * 1e9 / bets})
                shutil.rmtree(data)
    return {name: {key: statistics.median(run[key] for run in runs[name]) for key in ("rate", "cpu")} for name in shapes}


def busy(bets, seconds, parent=None):
    """Draws a ledger of many bets while another draw takes a quarter of the load it could, and a third reaches its cut-off."""
    with scratch(parent) as folder:
        port, data = free_port(), folder / "busy"
        data.mkdir()
        with running(ingest(data, port, agencies=8), port) as process:
            for draw in ("large", "other"):
                ask(data, {"draw.open": {"id": draw, "source": "configured"}})
            made = 0
            while made < bets:  # each run continues where the last one ended
                run = load(port, 65536, 8, 8, 5.0, draw="large")
                made += int(run["bets_per_second"] * run["seconds"])
            rate = load(port, 65536, 4, 8, 1.0, draw="other")
            quarter = rate["chunks"] / rate["seconds"] / 4
            quiet = load(port, 65536, 4, 8, seconds, quarter, draw="other")
            ask(data, {"draw.open": {"id": "third", "source": "configured", "cutOff": instant(time.time() + 1.5)}})
            began = time.monotonic()
            ask(data, {"draw.close": {"id": "large"}})
            during = load(port, 65536, 4, 8, seconds, quarter, draw="other")
            until("result", 600, lambda: (data / "draws/large/result.json").exists())
            drawing = time.monotonic() - began
            until("result", 60, lambda: (data / "draws/third/result.json").exists())
            return {"bets": made, "drawing": drawing, "quiet": quiet, "during": during, "seal_late_ms": seal_late(data)}


def seal_late(data):
    """Returns how many milliseconds after the cut-off the ledger of `third` was sealed: the time of its last group."""
    ledger = (data / "draws/third/bets.ledger").read_bytes()
    cut_off = json.loads((data / "draws/third/terms.json").read_text())["terms"]["cutOff"]
    at, last = 4096, 0
    while ledger[at:at + 4] == b"QGRP":
        length = int.from_bytes(ledger[at + 8:at + 12], "big")
        if ledger[at + 4] == 1:
            last = int.from_bytes(ledger[at + 32:at + 40], "big")
        at += (length + 4095) // 4096 * 4096
    whole = time.strptime(cut_off[:19], "%Y-%m-%dT%H:%M:%S")
    return last - (calendar.timegm(whole) * 1000 + int(cut_off[20:23]))


def start(count, rounds):
    """Measures a start over a folder with many final draws, beside one over an empty folder, in turn."""
    times = {"empty": [], "full": []}
    with scratch() as folder:
        full = folder / "full"
        for index in range(count):
            path = full / f"draws/2020-01-01-d{index}"
            path.mkdir(parents=True)
            for name in ("bets.ledger", "terms.json", "result.json"):
                (path / name).write_text("damaged")  # a start that reads it reports that
        lines, previous = [], "0" * 64
        for index in range(count):
            for event in ("opened", "sealed", "number known", "drawn", "published"):
                line = json.dumps({"bets": 1, "draw": f"2020-01-01-d{index}", "event": event, "previous": previous,
                                   "time": "2020-01-01T00:00:00.000Z"}, sort_keys=True, separators=(",", ":"))
                previous = hashlib.sha256(line.encode()).hexdigest()
                lines.append(line)
        (full / "events.log").write_text("\n".join(lines) + "\n")
        for _ in range(rounds):
            for which in times:
                data, port = folder / which, free_port()
                data.mkdir(exist_ok=True)
                began = time.monotonic()
                with running(ingest(data, port), port):
                    times[which].append(time.monotonic() - began)
    return {which: statistics.median(values) * 1000 for which, values in times.items()}
