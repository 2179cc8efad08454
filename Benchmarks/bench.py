#!/usr/bin/env python3
"""Measures Quiniela, the limit of the machine and its rivals in turn; writes docs/performance.md and plots.

    bench.py quick            the rows with goals, about two minutes
    bench.py full             everything, about twenty minutes; or some parts by name: bench.py full draws agencies
    bench.py check            the quick rows against Benchmarks/ratios.json; exit code 1 if one is worse by more than
                              MARGIN, twice

Every row runs its programs in turn (A B A B ...) on the same folder (BENCH_FOLDER, by default that of temporary files);
tables show medians and ratios of medians. Absolute figures depend on the machine: compare ratios.
"""
import json, signal, statistics, sys

import agencies, consultations, draws as many, ingest, ledgers, tls, viewers
from processes import ROOT, TOOLS, Failed, scratch
from report import bars, line, machine, section, table
from rivals.rivals import RIVALS

RATIOS = ROOT / "Benchmarks/ratios.json"
MARGIN = 0.25  # of the committed ratio: two shared cores vary by that much
RIVAL_ROWS = [(8192, 5, 8), (65536, 5, 8), (65536, 100, 8)]
HALF_LOAD_ROWS = [(8192, 5, 8), (8192, 100, 1), (65536, 5, 8)]


def millions(value):
    return f"{value / 1e6:,.1f}" if value >= 1e6 else f"{value / 1e6:.2f}"


def rates_table(results):
    goal = lambda value, form: form.format(value) if value is not None else ""
    rows = []
    for r in results:
        if "failed" in r:
            rows.append([ingest.name(r["row"]), f"failed, {r['failed']}"] + [""] * 11)
            continue
        service, limit, row = r["service"], r["limit"], r["row"]
        rows.append([
            ingest.name(row), f"{millions(service['bets_per_second'])} ± {r['spread']['service']:.0%}",
            f"{millions(limit['bets_per_second'])} ± {r['spread']['limit']:.0%}", f"**{r['ratio']:.2f}**", goal(row[3], "≥ {}"),
            f"{service['cpu_ms_per_million_bets']:.1f}", f"{limit['cpu_ms_per_million_bets']:.1f}", f"**{r['cpu']:.2f}**",
            goal(row[4], "≤ {}"), f"{service['p50_ms']:.2f}, {service['p99_ms']:.2f}",
            f"{limit['p50_ms']:.2f}, {limit['p99_ms']:.2f}", f"{service['peak_kb'] / 1024:.0f}", goal(row[5], "≤ {}")])
    return table(["chunk / connections / window", "million bets/s", "limit", "ratio", "goal", "CPU ms / million bets", "limit",
                  "ratio", "goal", "p50, p99 ms", "limit", "peak MB", "goal"], rows)


def quick_rows(rows=ingest.QUICK):
    results = ingest.rates(rows, 3, 1.0)
    for r in results:
        if "failed" in r:
            sys.exit(f"bench: {ingest.name(r['row'])} failed, {r['failed']}")
    return results


def quick():
    results = quick_rows()
    section("quick", f"{machine()}\n\n{rates_table(results)}")
    bars("performance-quick.svg", "bets/s relative to the limit of this machine (the limit program = 1)",
         [(ingest.name(r["row"]), r["ratio"]) for r in results], "{:.2f}".format, mark=1)
    RATIOS.write_text(json.dumps({ingest.name(r["row"]): round(r["ratio"], 2) for r in results}, indent=2) + "\n")


def check():
    results = quick_rows()
    print(rates_table(results))
    known = json.loads(RATIOS.read_text())
    has_lost = lambda result: result["ratio"] < known[ingest.name(result["row"])] * (1 - MARGIN)
    lost = [r for r in results if has_lost(r)]
    if lost:
        # Measured again: load by a neighbour on the machine rarely affects the same row twice.
        lost = [r for r in quick_rows([r["row"] for r in lost]) if has_lost(r)]
    for r in lost:
        row = ingest.name(r["row"])
        print(f"bench: {row}: {r['ratio']:.2f} of the limit, {known[row]} when it was committed", file=sys.stderr)
    sys.exit(1 if lost else 0)


def matrix():
    section("matrix", f"{machine()}\n\n{rates_table(ingest.rates(ingest.FULL, 3, 1.0))}")


def times():
    results = ingest.half_load(HALF_LOAD_ROWS, 3, 2.0)
    rows = [[ingest.name(r["row"]), f"{r['rate']:,.0f}", *(f"{r[w]['p50_ms']:.2f}, {r[w]['p99_ms']:.2f}"
             for w in ("service", "limit", "bare")), f"**{r['service']['p99_ms'] / r['limit']['p99_ms']:.1f}**",
             f"**{r['ratio']:.1f}**", "≤ 2"] for r in results]
    section("times", f"{machine()}\n\n" + table(
        ["chunk / connections / window", "chunks/s", "p50, p99 ms", "limit", "bare write + fdatasync", "p99 ratio to the limit",
         "to the bare write", "goal"], rows))


def rivals():
    rows, known, plotted = [], [rival for rival in RIVALS if not rival.missing()], []
    with scratch() as folder:
        for row in RIVAL_ROWS:
            runs = {"Quiniela": []} | {rival.name: [] for rival in known}
            for _ in range(3):
                runs["Quiniela"].append(ingest.measure("service", folder, *row, 1.5))
                for rival in known:
                    runs[rival.name].append(rival.measure(*row, 1.5, folder))
            own = statistics.median(r["bets_per_second"] for r in runs["Quiniela"])
            for name, values in runs.items():
                median = ingest.medians(values)
                rate = median["bets_per_second"]
                rows.append([ingest.name(row), name, f"{millions(rate)} ± {ingest.spread([v['bets_per_second'] for v in values]):.0%}",
                             f"**{own / rate:.1f} ×**", f"{median['p50_ms']:.2f}, {median['p99_ms']:.2f}",
                             f"{median['cpu_ms_per_million_bets']:,.0f}", f"{median['peak_kb'] / 1024:,.0f}"])
                if row == RIVAL_ROWS[1]:
                    plotted.append((name, rate))
            print(f"  rivals {ingest.name(row)}", file=sys.stderr)
    texts = [f"- **{r.name}** {'' if r.missing() else r.version()}: " + (f"not measured, {r.missing()}" if r.missing() else
             f"{r.settings}. Acknowledged: {r.acknowledges}.") for r in RIVALS]
    section("rivals", f"{machine()}\n\n" + table(
        ["chunk / connections / window", "", "million bets/s", "Quiniela is", "p50, p99 ms", "CPU ms / million bets", "peak MB"],
        rows) + "\n\n" + "\n".join(texts))
    bars("performance-rivals.svg", f"million bets/s, {ingest.name(RIVAL_ROWS[1])} (logarithmic scale)",
         sorted(plotted, key=lambda p: -p[1]), millions, logarithmic=True)


def draws():
    rows = []
    for bets, rounds in ((10_000_000, 5), (100_000_000, 3)):
        r = ledgers.large(bets, rounds)
        m = r["median"]
        rows.append([f"{r['bets']:,}", f"{r['bytes'] / 1e6:,.0f}", f"{m['check'] * 1000:,.0f}",
                     f"**{r['check_gb_per_second']:.1f}**", "≥ 5", f"{m['start'] * 1000:,.0f}", f"{r['peak_mb']:.0f}",
                     f"**{m['draw'] * 1000:,.0f}**", "≤ 10" if bets == 10_000_000 else "", f"{m['grep'] * 1000:,.0f}",
                     f"**{m['grep'] / m['draw']:.1f}**", "≥ 20"])
        print(f"  draw of {bets:,}", file=sys.stderr)
    section("draws", f"{machine()}\n\n" + table(
        ["bets", "ledger MB", "check, warm, ms", "GB/s", "goal", "start, from disk, ms", "start peak MB", "draw ms", "goal",
         "`grep -c` over the export, ms", "grep / draw", "goal"], rows))


def cost():
    sizes = [100_000, 1_000_000, 10_000_000, 100_000_000]
    runs = ledgers.cost(sizes, 3)
    rows = [[f"{size:,}", f"{statistics.median(r['cpu_ms_per_million_bets'] for r in runs[size]):.1f}",
             millions(statistics.median(r["bets_per_second"] for r in runs[size])),
             f"{statistics.median(r['peak_kb'] for r in runs[size]) / 1024:.0f}"] for size in sizes]
    section("cost", f"{machine()}\n\n" + table(["bets in the draw", "CPU ms / million bets", "million bets/s", "peak MB"], rows))
    samples = runs[sizes[-1]][0]["samples_mb"]
    line("performance-memory.svg", "resident memory of bet-ingest in MB, while 100 million bets arrive",
         [(index / 10, sample) for index, sample in enumerate(samples)], "{:.0f} s".format, "{:.0f} MB".format)


def agency():
    core, draw = agencies.one_core(3), agencies.whole_draw(5)
    text = (f"One agency on one core, services on the other, chunks of 64 KiB, {core['bets']:,} bets ({core['source']}, "
            f"repeated): **{millions(core['cpu'])}** million bets per second of its CPU time, {millions(core['clock'])} by the clock "
            "(goal ≥ 10).\n\n")
    if draw:
        rows = [[name, f"{draw[name] * 1000:.1f}", f"**{draw[name] / draw['netcats']:.1f}**", goal] for name, goal in (
            ("default", "≤ 1.5"), ("large chunks", "≤ 1.5"), ("netcats", ""))]
        text += table([f"five agencies, {draw['source']}, start to winners", "ms", "ratio to five netcats + 3 syncs", "goal"], rows)
    section("agencies", f"{machine()}\n\n{text}")


def consult():
    text = consultations.report(consultations.consultations(3, 1.5), consultations.parked(), consultations.idle())
    section("consultations", f"{machine()}\n\n{text}")


def lottery():
    shapes, begin = many.eight(3, 2.0), many.start(10_000, 5)
    base = shapes["one agency in one draw"]
    text = table(["64 KiB, window 8", "million bets/s", "CPU ms / million bets", "CPU, ratio"],
                 [[name, millions(run["rate"]), f"{run['cpu']:.1f}", f"**{run['cpu'] / base['cpu']:.2f}**"] for name, run in shapes.items()])
    rows = []
    for where, parent in (("disk", None), ("memory", "/dev/shm")):
        large = many.busy(100_000_000, 5.0, parent)
        quiet, during = large["quiet"], large["during"]
        rows.append([where, f"{large['bets']:,}", f"{large['drawing']:.1f}", f"{quiet['p50_ms']:.2f}", f"{during['p50_ms']:.2f}",
                     f"{quiet['p99_ms']:.2f}", f"{during['p99_ms']:.2f}", str(large["seal_late_ms"])])
    text += ("\n\nOne draw is drawn; a second takes a quarter of the load that it could; a third reaches its cut-off:\n\n"
             + table(["data folder", "bets drawn", "drawing s", "answers p50 ms, before", "meanwhile", "p99 ms, before", "meanwhile",
                      "third sealed, ms after its cut-off"], rows) + "\n\n")
    text += (f"A start over 10,000 final draws and their 50,000 events listens after {begin['full']:.0f} ms, "
             f"over an empty folder after {begin['empty']:.0f} ms.")
    section("lottery", f"{machine()}\n\n{text}")


def secure():
    if not (TOOLS / "quiniela-load-tls").exists():
        print("  skipped: quiniela-load-tls is not built; it needs libssl-dev", file=sys.stderr)
        return
    rows = []
    for r in tls.rates(3, 2.0):
        plain, encrypted = r["plain"], r["tls"]
        rows.append([ingest.name(r["row"]), millions(plain["bets_per_second"]), millions(encrypted["bets_per_second"]),
                     f"**{encrypted['bets_per_second'] / plain['bets_per_second']:.2f}**",
                     f"{plain['cpu_ms_per_million_bets']:.1f}", f"{encrypted['cpu_ms_per_million_bets']:.1f}",
                     f"**{encrypted['cpu_ms_per_million_bets'] / plain['cpu_ms_per_million_bets']:.2f}**",
                     f"{encrypted['peak_mb']:.0f}"])
    text = table(["chunk / connections / window", "plain, million bets/s", "TLS", "ratio", "plain, CPU ms / million bets", "TLS",
                  "ratio", "TLS peak MB"], rows)
    held = tls.idle(10_000)
    text += (f"\n\n{held['count']:,} idle connections take {held['plain'] / 1024:.1f} KiB each, with TLS {held['tls'] / 1024:.1f} KiB, "
             f"in an incomplete handshake {held['half'] / 1024:.1f} KiB. Handshakes with a client certificate, and HELLO: "
             f"{held['handshakes']:,.0f} a second, with the Python client on the other core.")
    section("tls", f"{machine()}\n\n{text}")


def watched():
    rows = []
    for r in viewers.rates(5, 2.0):
        alone, console, seen = r["alone"], r["console"], r["viewers"]
        rows.append([ingest.name(r["row"]), millions(alone["bets_per_second"])]
                    + [f"{run['bets_per_second'] / alone['bets_per_second']:.3f}" for run in (console, seen)]
                    + [f"{alone['cpu_ms_per_million_bets']:.1f}"]
                    + [f"{run['cpu_ms_per_million_bets'] / alone['cpu_ms_per_million_bets']:.3f}" for run in (console, seen)]
                    + [f"{console['console_cpu']:.1%}", f"{seen['console_cpu']:.1%}", f"{seen['viewer_bytes'] / 1000:.1f}"])
    section("viewers", f"{machine()}\n\n" + table(
        ["chunk / connections / window", "alone, million bets/s", "with a console, ratio", f"{viewers.VIEWERS} viewers, ratio",
         "alone, CPU ms / million bets", "with a console, ratio", f"{viewers.VIEWERS} viewers, ratio", "console's CPU, nobody looks",
         f"{viewers.VIEWERS} viewers", "KB/s a viewer"], rows))


PARTS = {"quick": quick, "matrix": matrix, "times": times, "rivals": rivals, "draws": draws, "cost": cost,
         "agencies": agency, "consultations": consult, "lottery": lottery, "tls": secure, "viewers": watched}


def main():
    # SystemExit lets `with` blocks end processes and remove folders; the signal's default would not.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    mode, names = (sys.argv[1:2] or ["quick"])[0], sys.argv[2:]
    if mode not in ("quick", "full", "check") or any(name not in PARTS for name in names):
        sys.exit(f"{__doc__}\nparts: {', '.join(PARTS)}")
    try:
        if mode == "check":
            check()
        for name in names or (["quick"] if mode == "quick" else PARTS):
            print(f"{name}:", file=sys.stderr)
            PARTS[name]()
    except Failed as failure:
        sys.exit(f"bench: {failure}")


main()
