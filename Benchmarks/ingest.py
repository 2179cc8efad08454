"""bet-ingest beside the limit program and the rivals: rates, times, CPU and memory, in turn (A B A B ...)."""
import mmap, os, shutil, statistics, sys, time

from processes import TOOLS, Failed, free_port, ingest, load, running, scratch

# Chunk bytes, connections, window, and goals: least bets/s and most CPU per bet relative to the limit, most MB.
QUICK = [
    (65536, 5, 8, 0.95, None, None),
    (8192, 5, 8, 0.85, None, 20),
    (8192, 100, 1, 0.95, 1.3, None),
    (8192, 100, 8, None, None, 32),
    (65536, 100, 8, None, 1.7, None),
    (8192, 1000, 8, 0.75, None, 96),
]
FULL = [(c, k, w, None, None, None) for c in (8192, 65536, 262144) for k in (5, 100, 1000) for w in (1, 8, 32)]


def name(row):
    return f"{row[0] // 1024} KiB / {row[1]} / {row[2]}"


def program(which, data, port):
    if which == "limit":
        return [TOOLS / "quiniela-limit", port, data / "limit.bin"]
    return ingest(data, port)


def measure(which, folder, chunk, connections, window, seconds, rate=0):
    port, data = free_port(), folder / which
    data.mkdir()
    try:
        with running(program(which, data, port), port) as process:
            return load(port, chunk, connections, window, seconds, rate, process.pid)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def spread(values):
    """Returns half of the range of the values, relative to their median."""
    return (max(values) - min(values)) / 2 / statistics.median(values)


def rates(rows, rounds, seconds):
    """Measures in a closed loop: as many bets as the program accepts."""
    results = []
    with scratch() as folder:
        for row in rows:
            chunk, connections, window = row[:3]
            runs = {"limit": [], "service": []}
            try:
                for _ in range(rounds):
                    for which in runs:
                        runs[which].append(measure(which, folder, chunk, connections, window, seconds))
            except Failed as failure:
                results.append({"row": row, "failed": f"{which}: {failure}"})
                print(f"  {name(row)}: {results[-1]['failed']}", file=sys.stderr)
                continue
            limit, service = medians(runs["limit"]), medians(runs["service"])
            results.append({
                "row": row, "limit": limit, "service": service,
                "spread": {w: spread([r["bets_per_second"] for r in runs[w]]) for w in runs},
                "ratio": service["bets_per_second"] / limit["bets_per_second"],
                "cpu": service["cpu_ms_per_million_bets"] / limit["cpu_ms_per_million_bets"]})
            print(f"  {name(row)}: {results[-1]['ratio']:.2f} of the limit", file=sys.stderr)
    return results


def bare_sync(folder, byte_count, seconds=1.0):
    """Returns p50 and p99, in ms, of writing `byte_count` bytes past the page cache and fdatasync, repeated in sequence."""
    size = (byte_count + 4095) // 4096 * 4096
    file = os.open(folder / "bare", os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
    try:
        room = 64 << 20
        os.posix_fallocate(file, 0, room)
        os.fsync(file)
        block, times, at = mmap.mmap(-1, size), [], 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic_ns()
            os.pwrite(file, block, at)
            os.fdatasync(file)
            times.append((time.monotonic_ns() - begun) / 1e6)
            at = (at + size) % (room - size) // 4096 * 4096
        times.sort()
        return {"p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100]}
    finally:
        os.close(file)
        os.unlink(folder / "bare")


def half_load(settings, rounds, seconds):
    """Measures in an open loop at half of the service's rate: times of answers, and of a bare write of the same size."""
    results = []
    with scratch() as folder:
        for chunk, connections, window in settings:
            runs, chosen = {"bare": [], "service": [], "limit": []}, []
            for _ in range(rounds):
                # Measured anew for each round: the speed of a shared machine changes.
                full = measure("service", folder, chunk, connections, window, seconds / 2)
                rate = full["chunks"] / full["seconds"] / 2
                chosen.append(rate)
                runs["bare"].append(bare_sync(folder, chunk))
                for which in ("service", "limit"):
                    runs[which].append(measure(which, folder, chunk, connections, window, seconds, rate))
            result = {which: medians(values) for which, values in runs.items()}
            result |= {"row": (chunk, connections, window), "rate": statistics.median(chosen),
                       "ratio": result["service"]["p99_ms"] / result["bare"]["p99_ms"]}
            results.append(result)
            print(f"  half load {name(result['row'])}: p99 {result['ratio']:.1f} of a bare write's", file=sys.stderr)
    return results
