"""The agency end to end: its rate on one core, and a whole draw beside netcats that carry the files."""
import os, pathlib, shutil, statistics, subprocess, time

from ingest import bare_sync
from processes import ENVIRONMENT, PROGRAMS, free_port, ingest, running, scratch, until, winners


def dataset(folder):
    """Returns the agencies' files: those of QUINIELA_DATASET, or as many generated bets."""
    given = os.environ.get("QUINIELA_DATASET")
    if given:
        return sorted(pathlib.Path(given).glob("agency-[0-9].csv")), "the real data set"
    subprocess.run([PROGRAMS / "agency", "dataset", "--bets", "78697", "--agencies", "5", "--folder", folder],
                   check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.glob("agency-[0-9].csv")), "files of agency dataset"


def services(data, agencies, prefix=()):
    """Returns both services on one folder, as context managers, and the settings with their addresses."""
    ingest_port, winners_port = free_port(), free_port()
    addresses = ["--set", f"ingest.address=127.0.0.1:{ingest_port}", "--set", f"winners.address=127.0.0.1:{winners_port}"]
    return (running(ingest(data, ingest_port, agencies), ingest_port, prefix),
            running(winners(data, winners_port, agencies), winners_port, prefix), addresses)


def send(agency, file, addresses, settings, prefix=()):
    arguments = [*prefix, PROGRAMS / "agency", "send", "--id", agency, "--file", file, *addresses]
    for setting in settings:
        arguments += ["--set", setting]
    return subprocess.Popen(list(map(str, arguments)), env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


LARGE_CHUNKS = ["batch.maxAmount=65535", "batch.maxBytes=65536", "log.level=WARNING"]


def one_core(rounds, bets=5_000_000):
    """Measures an agency on one core, the services on the other: bets a second, by the clock and by its CPU time."""
    runs = []
    with scratch() as folder:
        files, source = dataset(folder)
        rows = b"".join(file.read_bytes() for file in files)
        times = max(1, bets // rows.count(b"\n"))
        file = folder / "large.csv"
        with open(file, "wb") as out:
            for _ in range(times):
                out.write(rows)
        count = times * rows.count(b"\n")
        for _ in range(rounds):
            data = folder / "data"
            first, second, addresses = services(data, 1, ["taskset", "-c", "1"])
            with first, second:
                begun = time.monotonic()
                agency = send(1, file, addresses, LARGE_CHUNKS, ["taskset", "-c", "0"])
                _, status, usage = os.wait4(agency.pid, 0)
                agency.returncode = os.waitstatus_to_exitcode(status)
                if agency.returncode:
                    raise SystemExit(f"bench: agency ended with {agency.returncode}")
                seconds = time.monotonic() - begun
                runs.append({"clock": count / seconds, "cpu": count / (usage.ru_utime + usage.ru_stime)})
            shutil.rmtree(data)
    return {"bets": count, "source": source, **{k: statistics.median(r[k] for r in runs) for k in runs[0]}}


def whole_draw(rounds):
    """Measures five agencies from start to winners, and five netcats that carry the same files, plus three syncs."""
    if not shutil.which("nc"):
        return None
    runs = {"default": [], "large chunks": [], "netcats": []}
    with scratch() as folder:
        files, source = dataset(folder)
        sync = bare_sync(folder, 65536)["p50_ms"] / 1000
        for _ in range(rounds):
            for which, settings in (("default", ["log.level=WARNING"]), ("large chunks", LARGE_CHUNKS)):
                data = folder / "data"
                first, second, addresses = services(data, len(files))
                with first, second:
                    begun = time.monotonic()
                    agencies = [send(i + 1, file, addresses, settings) for i, file in enumerate(files)]
                    if any(agency.wait() for agency in agencies):
                        raise SystemExit("bench: an agency did not get its winners")
                    runs[which].append(time.monotonic() - begun)
                shutil.rmtree(data)
            runs["netcats"].append(netcats(folder, files) + 3 * sync)
    return {"source": source, **{k: statistics.median(v) for k, v in runs.items()}}


def netcats(folder, files):
    """Returns the seconds that five netcats take to send the files to five others, which write them."""
    ports = [free_port() for _ in files]
    sinks = [subprocess.Popen(["nc", "-l", "127.0.0.1", str(port)], stdin=subprocess.DEVNULL,
                              stdout=open(folder / f"sink{port}", "wb")) for port in ports]
    try:
        # Not checked by connecting: a netcat accepts only one connection.
        listening = lambda: all(f"{port:04X} 00000000:0000 0A" in open("/proc/net/tcp").read() for port in ports)
        until("netcat", 10, listening)
        begun = time.monotonic()
        senders = [subprocess.Popen(["nc", "-N", "127.0.0.1", str(port)], stdin=open(file, "rb"))
                   for file, port in zip(files, ports)]
        for process in senders + sinks:
            process.wait()
        return time.monotonic() - begun
    finally:
        for process in sinks:
            process.terminate()
            process.wait()
