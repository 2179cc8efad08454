"""Large draws: what a bet costs in small and large ones, memory over time, recovery, and the draw itself."""
import os, shutil, statistics, subprocess, threading, time

from processes import ENVIRONMENT, PROGRAMS, free_port, ingest, load, memory, running, scratch, until

CHUNK, CONNECTIONS, WINDOW = 65536, 5, 8
BETS_A_CHUNK = (CHUNK - 11) // 33


def chunks_each(bets):
    return max(1, round(bets / BETS_A_CHUNK / CONNECTIONS))


def fill(data, bets, agencies):
    """Has five agencies send `bets` in all: quiniela-load's line, and the memory at tenths of the time."""
    port = free_port()
    with running(ingest(data, port, agencies), port) as process:
        samples, done = [], threading.Event()

        def sample():
            while not done.wait(0.1):
                samples.append(memory(process.pid))
        watcher = threading.Thread(target=sample)
        watcher.start()
        try:
            result = load(port, CHUNK, CONNECTIONS, WINDOW, pid=process.pid, chunks=chunks_each(bets))
        finally:
            done.set()
            watcher.join()
        result["samples_mb"] = samples
        return result


def cost(sizes, rounds):
    """CPU of the service for a million bets, in draws of several sizes."""
    results = {size: [] for size in sizes}
    with scratch() as folder:
        for _ in range(rounds):
            for size in sizes:
                results[size].append(fill(folder / "cost", size, CONNECTIONS + 1))
                shutil.rmtree(folder / "cost")
    return results


class Started:
    """bet-ingest on a folder that has a ledger, and when it began to accept."""

    def __init__(self, data, agencies):
        port = free_port()
        arguments = ingest(data, port, agencies)[:-2]  # with its log: it says when it accepts
        self.begun = time.monotonic()
        self.process = subprocess.Popen(list(map(str, arguments)), stderr=subprocess.PIPE, env=ENVIRONMENT)
        for line in self.process.stderr:
            if b"accept_connections" in line:
                break
        self.seconds = time.monotonic() - self.begun
        # Nobody reads the rest, and it is not much.

    def stop(self):
        peak = memory(self.process.pid, "VmHWM")
        self.process.terminate()
        self.process.stderr.read()
        self.process.wait()
        return peak


def timed(arguments, **options):
    begun = time.monotonic()
    subprocess.run(list(map(str, arguments)), check=True, env=ENVIRONMENT, **options)
    return time.monotonic() - begun


def large(bets, rounds):
    """Recovery and draw of a ledger of `bets`, warm, and grep over its export."""
    runs = {"recovery": [], "draw": [], "grep": [], "empty": []}
    peaks = []
    with scratch() as folder:
        data = folder / "data"
        filled = fill(data, bets, CONNECTIONS + 1)
        ledger = data / "draws/default/bets.ledger"
        size = ledger.stat().st_size
        export = folder / "export.csv"
        with open(export, "wb") as file:
            subprocess.run([PROGRAMS / "bet-ingest", "export", "--data", data], stdout=file, check=True, env=ENVIRONMENT)
        unsealed = folder / "unsealed.ledger"
        shutil.copyfile(ledger, unsealed)
        for round in range(rounds):
            (folder / f"empty{round}").mkdir()
            empty = Started(folder / f"empty{round}", 5)
            runs["empty"].append(empty.seconds)
            empty.stop()
            recovery = Started(data, CONNECTIONS + 1)
            runs["recovery"].append(recovery.seconds)
            peaks.append(recovery.stop())
            # The same ledger, and all agencies have finished: it is sealed and drawn at once.
            draw = Started(data, CONNECTIONS)
            result = data / "draws/default/result.json"
            until("result.json", 120, result.exists)
            runs["draw"].append(time.monotonic() - draw.begun - draw.seconds)
            draw.stop()
            shutil.rmtree(data / "draws/default")
            (data / "draws/default").mkdir()
            shutil.copyfile(unsealed, ledger)
            runs["grep"].append(timed(["grep", "-c", ",7574", export], capture_output=True))
    median = {key: statistics.median(values) for key, values in runs.items()}
    return {"bets": filled["bets"], "bytes": size, "median": median, "peak_mb": max(peaks), "filled": filled,
            "recovery_gb_per_second": size / 1e9 / (median["recovery"] - median["empty"])}
