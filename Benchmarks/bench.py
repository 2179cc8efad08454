#!/usr/bin/env python3
"""Measures bet-ingest beside the limit program, interleaved, and writes tables and a plot.

    bench.py quick            the rows of the goals, about two minutes
    bench.py full             every chunk size, number of connections and window, about fifteen
    bench.py check            the quick rows against Benchmarks/ratios.json; 1 where one lost more than MARGIN

Every row runs both programs in turn (A B A B ...) on the same folder; the table has medians, and the ratio of the medians.
Absolute figures are this machine's; the ratios are what counts.
"""
import json, os, pathlib, platform, shutil, socket, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOAD = ROOT / "Benchmarks/.build/release/quiniela-load"
LIMIT = ROOT / "Benchmarks/.build/release/quiniela-limit"
SERVICE = ROOT / ".build/release/bet-ingest"
RATIOS = ROOT / "Benchmarks/ratios.json"
MARGIN = 0.25  # of the committed ratio: two shared cores vary by that much

# Chunk bytes, connections, window, and the goals: bets/s of the limit at least, CPU per bet of the limit's at most, MB.
QUICK = [
    (65536, 5, 8, 0.95, None, None),
    (8192, 5, 8, 0.85, None, 20),
    (8192, 100, 1, 0.95, 1.3, None),
    (8192, 100, 8, None, None, 32),
    (65536, 100, 8, None, 1.7, None),
    (8192, 1000, 8, 0.75, None, 96),
]
FULL = [(c, k, w, None, None, None) for c in (8192, 65536, 262144) for k in (5, 100, 1000) for w in (1, 8, 32)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                sys.exit(f"bench: {process.args[0]} ended with {process.returncode}")
            time.sleep(0.01)
    sys.exit(f"bench: nothing listens on {port}")


def measure(which, folder, chunk, connections, window, seconds):
    port = free_port()
    data = pathlib.Path(folder) / which
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    if which == "limit":
        arguments = [LIMIT, str(port), str(data / "limit.bin")]
    else:
        arguments = [SERVICE, "--data", str(data), "--listen", f"127.0.0.1:{port}", "--set", "agencies=10000",
                     "--set", "log.level=WARNING"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QUINIELA_")}
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, cwd=data, env=environment)
    try:
        wait_for(port, process)
        out = subprocess.run([LOAD, str(port), str(connections), str(window), str(chunk), str(seconds), "0",
                              str(process.pid)], capture_output=True, text=True)
        if out.returncode != 0:
            sys.exit(f"bench: {which} {chunk}/{connections}/{window}: {out.stderr}")
        return json.loads(out.stdout)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(data, ignore_errors=True)


def run(rows, rounds, seconds):
    results = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        for index, row in enumerate(rows):
            chunk, connections, window = row[:3]
            runs = {"limit": [], "service": []}
            for _ in range(rounds):
                for which in runs:
                    runs[which].append(measure(which, folder, chunk, connections, window, seconds))
            median = {w: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for w, rs in runs.items()}
            rates = {w: [r["bets_per_second"] for r in rs] for w, rs in runs.items()}
            spread = {w: (max(r) - min(r)) / statistics.median(r) for w, r in rates.items()}
            ratio = median["service"]["bets_per_second"] / median["limit"]["bets_per_second"]
            cpu = median["service"]["cpu_ms_per_million_bets"] / median["limit"]["cpu_ms_per_million_bets"]
            results.append({"row": row, "median": median, "spread": spread, "ratio": ratio, "cpu": cpu})
            if sys.stderr.isatty():
                print(f"\r{index + 1} of {len(rows)} rows", end="", file=sys.stderr)
    return results


def name(row):
    return f"{row[0] // 1024} KiB / {row[1]} / {row[2]}"


def table(results):
    lines = [
        "| chunk / connections / window | million bets/s | limit | ratio | goal | CPU ms / million bets | limit | ratio | goal "
        "| p50, p99 ms | limit | peak MB | goal |", "|" + "---|" * 13]
    for r in results:
        service, limit, row = r["median"]["service"], r["median"]["limit"], r["row"]
        goal = lambda value, form: form.format(value) if value is not None else ""
        lines.append(
            f"| {name(row)} | {service['bets_per_second'] / 1e6:.1f} ± {r['spread']['service'] * 50:.0f}% "
            f"| {limit['bets_per_second'] / 1e6:.1f} ± {r['spread']['limit'] * 50:.0f}% | **{r['ratio']:.2f}** "
            f"| {goal(row[3], '≥ {}')} | {service['cpu_ms_per_million_bets']:.1f} | {limit['cpu_ms_per_million_bets']:.1f} "
            f"| **{r['cpu']:.2f}** | {goal(row[4], '≤ {}')} | {service['p50_ms']:.2f}, {service['p99_ms']:.2f} "
            f"| {limit['p50_ms']:.2f}, {limit['p99_ms']:.2f} | {service['peak_kb'] / 1024:.0f} | {goal(row[5], '≤ {}')} |")
    return "\n".join(lines)


def plot(results, path):
    """Bars: what part of the limit's rate the service reaches."""
    height, left, width = 26, 190, 420
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{height * len(results) + 40}" '
             'font-family="sans-serif" font-size="12">',
             '<text x="8" y="18">bets/s as a part of what this machine can do (the limit program = 1)</text>']
    for index, r in enumerate(results):
        y = 30 + index * height
        bar = min(1.2, r["ratio"]) / 1.2 * width
        parts.append(f'<text x="8" y="{y + 15}">{name(r["row"])}</text>')
        parts.append(f'<rect x="{left}" y="{y + 3}" width="{bar:.0f}" height="{height - 8}" fill="#4a7ebb"/>')
        parts.append(f'<text x="{left + bar + 6:.0f}" y="{y + 15}">{r["ratio"]:.2f}</text>')
    parts.append(f'<line x1="{left + width / 1.2:.0f}" y1="26" x2="{left + width / 1.2:.0f}" '
                 f'y2="{30 + height * len(results)}" stroke="#555" stroke-dasharray="3"/></svg>')
    path.write_text("\n".join(parts) + "\n")


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release().split('-')[0]}"


def main():
    mode = sys.argv[1] if len(sys.argv) > 1 else "quick"
    if mode not in ("quick", "full", "check"):
        sys.exit(__doc__)
    for program in (LOAD, LIMIT, SERVICE):
        if not program.exists():
            sys.exit(f"bench: {program} is not built; run it by make bench-quick")
    results = run(FULL if mode == "full" else QUICK, 3 if mode != "full" else 3, 1.5)
    print(table(results))
    ratios = {name(r["row"]): round(r["ratio"], 2) for r in results}
    if mode == "check":
        known = json.loads(RATIOS.read_text())
        lost = {k: (known[k], v) for k, v in ratios.items() if k in known and v < known[k] * (1 - MARGIN)}
        for row, (before, after) in lost.items():
            print(f"bench: {row}: {after} of the limit, {before} when it was committed", file=sys.stderr)
        sys.exit(1 if lost else 0)
    document = ROOT / "docs/performance.md"
    text = document.read_text()
    begin, end = f"<!-- {mode} -->", f"<!-- end of {mode} -->"
    body = f"{begin}\n\n{machine()}, {time.strftime('%Y-%m-%d')}.\n\n{table(results)}\n\n{end}"
    before, rest = text.split(begin)
    document.write_text(before + body + rest.split(end)[1])
    plot(results, ROOT / f"docs/performance-{mode}.svg")
    if mode == "quick":
        RATIOS.write_text(json.dumps(ratios, indent=2) + "\n")


main()
