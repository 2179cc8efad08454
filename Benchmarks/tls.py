"""TLS beside plain connections: rates and CPU in turn (A B A B ...), handshakes, and the memory of idle connections."""
import asyncio, os, resource, shutil, ssl, statistics, struct, subprocess, sys, time

from ingest import medians, name
from processes import ENVIRONMENT, PROGRAMS, TOOLS, Failed, free_port, ingest, memory, output, running, scratch

ROWS = [(chunk, connections, 8) for chunk in (8192, 65536) for connections in (5, 100, 1000)]


def keys(folder, agencies):
    """Makes an authority, a service and one agency's key; the roster gives that key to every agency."""
    pki = [PROGRAMS / "bet-ingest", "pki"]
    for arguments in (["init"], ["service", "--name", "127.0.0.1"]):
        subprocess.run([*pki, *arguments], cwd=folder, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    line = subprocess.run([*pki, "agency", "1"], cwd=folder, check=True, env=ENVIRONMENT, capture_output=True, text=True).stdout
    digest = line.split('"')[1]
    with open(folder / "roster.yaml", "w") as roster:
        roster.write("agencies:\n" + "".join(f'  - {{ id: {agency}, keys: ["{digest}"] }}\n' for agency in range(1, agencies + 1)))


def service(folder, data, port, which):
    arguments = ingest(data, port)
    if which == "tls":
        pki = folder / "pki"
        # config.yaml of the repository has `agencies`, which a roster excludes.
        arguments += ["--config", "/dev/null"]
        at = arguments.index("agencies=10000")
        arguments[at] = f"roster={folder / 'roster.yaml'}"
        for setting in ("tls.mode=required", f"tls.certificate={pki / 'service.pem'}", f"tls.key={pki / 'service.key'}",
                        f"tls.clientRoots={pki / 'root.pem'}", "ingest.helloSeconds=600"):
            arguments += ["--set", setting]
    return arguments


def measure(which, folder, row, seconds):
    chunk, connections, window = row
    port, data = free_port(), folder / f"data-{which}"
    data.mkdir()
    try:
        with running(service(folder, data, port, which), port) as process:
            tool = "quiniela-load-tls" if which == "tls" else "quiniela-load"
            os.environ.update(LOAD_CA=str(folder / "pki/root.pem"), LOAD_CERT=str(folder / "pki/agency-1.pem"),
                              LOAD_KEY=str(folder / "pki/agency-1.key"))
            run = output(TOOLS / tool, port, connections, window, chunk, seconds, 0, process.pid, seconds=seconds + 60)
            run["peak_mb"] = memory(process.pid, "VmHWM")
            return run
    finally:
        shutil.rmtree(data, ignore_errors=True)


def rates(rounds, seconds):
    results = []
    with scratch() as folder:
        keys(folder, 1000)
        for row in ROWS:
            runs = {"plain": [], "tls": []}
            for _ in range(rounds):
                for which in runs:
                    runs[which].append(measure(which, folder, row, seconds))
            plain, tls = medians(runs["plain"]), medians(runs["tls"])
            results.append({"row": row, "plain": plain, "tls": tls})
            print(f"  {name(row)}: {tls['bets_per_second'] / plain['bets_per_second']:.2f} of plain", file=sys.stderr)
    return results


async def connections(port, context, count, hello):
    """Opens connections and, with a context, completes their handshakes and HELLOs, a hundred at a time."""
    gate, opened = asyncio.Semaphore(100), []

    async def connect(agency):
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=4096)
            opened.append(writer)
            writer.write(hello(agency))
            await writer.drain()
            if context:
                length = struct.unpack(">I", await reader.readexactly(4))[0]
                if (await reader.readexactly(length))[0] != 0x81:
                    raise Failed("not a WELCOME")

    await asyncio.gather(*(connect(agency) for agency in range(1, count + 1)))
    return opened


def idle(count):
    """Returns bytes of resident memory for each of `count` idle connections, and the handshakes in a second."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(count, hard - 500)
    result = {"count": count}
    hello = lambda agency: struct.pack(">IBBIBB", 8, 1, 3, agency, 0, 0)
    with scratch() as folder:
        keys(folder, count)
        context = ssl.create_default_context(cafile=str(folder / "pki/root.pem"))
        context.load_cert_chain(folder / "pki/agency-1.pem", folder / "pki/agency-1.key")
        half = lambda agency: bytes([0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]) + bytes(200)
        for what, which, with_context, first in (
                ("plain", "plain", None, hello), ("tls", "tls", context, hello), ("half", "tls", None, half)):
            port, data = free_port(), folder / f"data-{what}"
            data.mkdir()
            with running(service(folder, data, port, which), port) as process:
                async def hold():
                    before, start = memory(process.pid), time.monotonic()
                    opened = await connections(port, with_context, count, first)
                    taken = time.monotonic() - start
                    await asyncio.sleep(3)
                    after = memory(process.pid)
                    for writer in opened:
                        writer.transport.abort()
                    return (after - before) * 1024 * 1024 / count, count / taken
                result[what], rate = asyncio.run(hold())
                if what == "tls":
                    result["handshakes"] = rate
            shutil.rmtree(data, ignore_errors=True)
    return result
