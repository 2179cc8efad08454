"""Large draws: the cost of a bet by the size of its draw, memory over time, recovery, and the draw itself."""
import shutil, statistics, subprocess, threading, time

from processes import ENVIRONMENT, PROGRAMS, free_port, ingest, load, memory, running, scratch, until

CHUNK, CONNECTIONS, WINDOW = 65536, 5, 8
BETS_A_CHUNK = (CHUNK - 11) // 33


def chunks_each(bets):
    return max(1, round(bets / BETS_A_CHUNK / CONNECTIONS))


def fill(data, bets, agencies):
    """Has five agencies send `bets` in all; returns quiniela-load's result and the memory every tenth of a second."""
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
    """Measures the service in draws of several sizes."""
    results = {size: [] for size in sizes}
    with scratch() as folder:
        for _ in range(rounds):
            for size in sizes:
                results[size].append(fill(folder / "cost", size, CONNECTIONS + 1))
                shutil.rmtree(folder / "cost")
    return results


def timed(arguments, **options):
    begun = time.monotonic()
    subprocess.run(list(map(str, arguments)), check=True, env=ENVIRONMENT, **options)
    return time.monotonic() - begun


def large(bets, rounds):
    """Measures a ledger of `bets` in the page cache: verify, which reads as recovery does; the draw; grep over its export.

    It also measures the start of bet-ingest, which reads the ledger from the disk even if it is in the page cache.
    """
    runs = {"check": [], "check empty": [], "start": [], "draw": [], "grep": []}
    peaks = []
    with scratch() as folder:
        data, empty = folder / "data", folder / "empty"
        filled = fill(data, bets, CONNECTIONS + 1)
        empty.mkdir()
        port = free_port()
        with running(ingest(empty, port), port):
            pass
        ledger = data / "draws/default/bets.ledger"
        size = ledger.stat().st_size
        export = folder / "export.csv"
        with open(export, "wb") as file:
            subprocess.run([PROGRAMS / "bet-ingest", "export", "--data", data], stdout=file, check=True, env=ENVIRONMENT)
        unsealed = folder / "unsealed.ledger"
        shutil.copyfile(ledger, unsealed)
        for _ in range(rounds):
            begun, port = time.monotonic(), free_port()
            with running(ingest(data, port, CONNECTIONS + 1), port) as process:
                runs["start"].append(time.monotonic() - begun)
                peaks.append(memory(process.pid, "VmHWM"))
            for which, place in (("check empty", empty), ("check", data)):
                runs[which].append(timed([PROGRAMS / "bet-ingest", "verify", "--data", place], stdout=subprocess.DEVNULL))
            # The same ledger with one agency less: all have finished, so it is sealed and drawn at once.
            port = free_port()
            with running(ingest(data, port, CONNECTIONS), port):
                begun = time.monotonic()
                until("result.json", 120, (data / "draws/default/result.json").exists)
                runs["draw"].append(time.monotonic() - begun)
            shutil.rmtree(data / "draws/default")
            (data / "draws/default").mkdir()
            shutil.copyfile(unsealed, ledger)
            runs["grep"].append(timed(["grep", "-c", ",7574", export], capture_output=True))
    median = {key: statistics.median(values) for key, values in runs.items()}
    median["check"] -= median["check empty"]
    return {"bets": filled["bets"], "bytes": size, "median": median, "peak_mb": max(peaks), "filled": filled,
            "check_gb_per_second": size / 1e9 / median["check"]}
