#!/usr/bin/env python3
"""What a user would pick instead of Quiniela, measured on the same bets.

    rivals.py [CHUNK_BYTES CONNECTIONS WINDOW SECONDS]      each once (8192 5 8 1.5), as a table

Benchmarks/rivals/setup must have run. Every rival is started for its measurement, in a folder of its own, on a port of
127.0.0.1, and killed after it. Its stored bets are counted before, and must equal the acknowledged ones.

RIVALS is for bench.py. A rival's measure(chunk_bytes, connections, window, seconds, folder) gives what quiniela-load prints.
Its `connections` says what it really uses where that is not what was asked for: each rival gets the form it is fastest in.
"""
import contextlib, json, os, pathlib, platform, pwd, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, time
from functools import partial
from typing import Callable, NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE / "build"
GROUP_BYTES = 8 << 20  # of quiniela-limit's group commit; what one SQLite transaction takes at most where it groups


class Rival(NamedTuple):
    name: str
    measure: Callable  # (chunk_bytes, connections, window, seconds, folder) -> dict
    missing: Callable  # () -> why it cannot be measured here, or None
    version: Callable  # () -> str
    settings: str
    is_durable: bool  # whether an acknowledged bet outlives a power cut, as Quiniela's does
    acknowledges: str  # what its acknowledgement means


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def own_folder(parent, name, user=None):
    path = pathlib.Path(parent) / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    if user:
        shutil.chown(path, user, user)
        os.chmod(parent, 0o711)  # so that the user gets there
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def server(arguments, port, folder, end=signal.SIGKILL, **popen):
    """A server that listens. SIGKILL ends it by default: it has nothing to save, its folder goes too."""
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, **popen)
    try:
        for _ in range(1000):
            if process.poll() is not None:
                raise RuntimeError(f"{arguments[0]} ended: " + (folder / "server.log").read_text()[-2000:])
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.01)
        else:
            raise RuntimeError(f"{arguments[0]} does not listen")
        yield process
    finally:
        process.send_signal(end)
        process.wait()


def output(*arguments, **popen):
    out = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, **popen)
    if out.returncode != 0:
        raise RuntimeError(f"{arguments[0]}: {out.stderr}")
    return out.stdout.strip()


def load(program, *arguments):
    return json.loads(output(BUILD / program, *arguments))


def check_stored(rival, stored, acknowledged):
    if stored != acknowledged:
        raise AssertionError(f"{rival}: {stored} stored, {acknowledged} acknowledged")


def needs(*programs):
    def missing():
        lost = [str(p) for p in programs if not (p.exists() if isinstance(p, pathlib.Path) else shutil.which(p))]
        return f"not installed: {', '.join(lost)}; run Benchmarks/rivals/setup" if lost else None
    return missing


# ---- PostgreSQL

POSTGRES_SETTINGS = {
    # Durability: these are its defaults.
    "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "wal_sync_method": "fdatasync",
    # In its favour: no replication, no checkpoint and no vacuum within the measurement, enough memory.
    "wal_level": "minimal", "max_wal_senders": "0", "shared_buffers": "2GB", "wal_buffers": "64MB", "max_wal_size": "32GB",
    "checkpoint_timeout": "1h", "autovacuum": "off",
}
# libpq cannot pipeline COPY, so chunks in flight are connections. Beyond about 20 it got slower on 2 cores (million bets/s at
# 8192 bytes with 5, 10, 20, 40, on a busy machine: 0.5, 0.9, 1.9, 1.6).
POSTGRES_CONNECTIONS = 20
POSTGRES_TABLE = ("CREATE TABLE bets (agency integer, first_name text, last_name text, document text, birthdate date,"
                  " number integer)")


def postgres_programs():
    """Debian's folder of the newest version; its programs are not in the PATH."""
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
    return folders[-1] if folders else pathlib.Path("/usr/lib/postgresql/bin")


def postgres_user():
    """It does not run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}


def measure_postgres(chunk_bytes, connections, window, seconds, folder):
    programs, user, port = postgres_programs(), postgres_user(), free_port()
    with own_folder(folder, "postgres", user.get("user")) as path:
        # A segment of 256 MB: a short run then writes into space that is there already, as a server does that has run for long.
        output(programs / "initdb", "--pgdata", path / "data", "--username", "postgres", "--auth", "trust",
               "--encoding", "UTF8", "--locale", "C", "--wal-segsize", "256", cwd=path, **user)
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", **POSTGRES_SETTINGS}
        arguments = [programs / "postgres", "-D", path / "data"]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        # SIGQUIT: the postmaster ends its children too, and saves nothing.
        with server(arguments, port, path, signal.SIGQUIT, **user) as process:
            psql = [programs / "psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-X", "-tAc"]
            for _ in range(200):  # it listens before it is ready
                if subprocess.run([*psql, POSTGRES_TABLE], capture_output=True).returncode == 0:
                    break
                time.sleep(0.05)
            used = min(connections * window, POSTGRES_CONNECTIONS)
            result = load("postgres-load", port, used, chunk_bytes, seconds, process.pid)
            check_stored("PostgreSQL", int(output(*psql, "SELECT count(*) FROM bets")), result["bets"])
            return {**result, "connections": used}


# ---- SQLite

# Pages of 16 KiB were faster than of 4; the checkpoint every 1000 pages (its default) faster than a WAL that grows.
SQLITE_PRAGMAS = ("PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA locking_mode=EXCLUSIVE;"
                  " PRAGMA wal_autocheckpoint=1000")


def measure_sqlite(is_grouped, chunk_bytes, connections, window, seconds, folder):
    group = max(1, min(connections * window, GROUP_BYTES // chunk_bytes)) if is_grouped else 1
    with own_folder(folder, "sqlite") as path:
        result = load("sqlite-load", path / "bets.db", group, chunk_bytes, seconds, SQLITE_PRAGMAS)
        with contextlib.closing(sqlite3.connect(path / "bets.db")) as database:
            check_stored("SQLite", database.execute("SELECT count(*) FROM bets").fetchone()[0], result["bets"])
        return {**result, "connections": 1}


def sqlite_version():
    return output(BUILD / "sqlite-load", "--version")


# ---- Redis

REDIS_SETTINGS = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--auto-aof-rewrite-percentage", "0"]


def measure_redis(kind, chunk_bytes, connections, window, seconds, folder):
    port = free_port()
    with own_folder(folder, "redis") as path:
        arguments = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(path), *REDIS_SETTINGS]
        with server(arguments, port, path) as process:
            result = load("stream-load", kind, port, connections, window, chunk_bytes, seconds, process.pid)
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"XLEN bets\r\n")
                stored = int(client.makefile("rb").readline()[1:])
            check_stored("Redis", stored, result["chunks" if kind == "redis" else "bets"])
            return result


def redis_version():
    return output("redis-server", "--version").split("v=")[1].split()[0]


# ---- NATS JetStream

NATS_STREAM = '{"name":"BETS","subjects":["bets.*"],"storage":"file","retention":"limits","num_replicas":1}'


def nats_request(port, subject, body=""):
    """The answer of JetStream's API to a request."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall((f'CONNECT {{"verbose":false}}\r\nSUB _A 1\r\nPUB {subject} _A {len(body)}\r\n{body}\r\n').encode())
        for line in client.makefile("rb"):
            if line.startswith(b"{"):
                answer = json.loads(line)
                if "error" in answer:
                    raise RuntimeError(f"NATS: {answer['error']}")
                return answer
    raise RuntimeError("NATS closed")


def measure_nats(chunk_bytes, connections, window, seconds, folder):
    port = free_port()
    with own_folder(folder, "nats") as path:
        (path / "nats.conf").write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{path}/store" }}\n')
        with server(["nats-server", "-c", "nats.conf"], port, path) as process:
            nats_request(port, "$JS.API.STREAM.CREATE.BETS", NATS_STREAM)
            result = load("stream-load", "nats", port, connections, window, chunk_bytes, seconds, process.pid)
            stored = nats_request(port, "$JS.API.STREAM.INFO.BETS")["state"]["messages"]
            check_stored("NATS", stored, result["chunks"])
            return result


# ---- The course's kind of server

def measure_course(chunk_bytes, connections, window, seconds, folder):
    port = free_port()
    with own_folder(folder, "course") as path:
        arguments = [sys.executable, str(HERE / "course_server.py"), str(port), str(path / "bets.csv")]
        with server(arguments, port, path) as process:
            result = load("stream-load", "course", port, connections, window, chunk_bytes, seconds, process.pid)
            with open(path / "bets.csv", "rb") as file:
                check_stored("course", sum(1 for _ in file), result["bets"])
            return result


RIVALS = [
    Rival("PostgreSQL", measure_postgres,
          needs(postgres_programs() / "postgres", BUILD / "postgres-load"),
          lambda: output(postgres_programs() / "postgres", "--version").split()[2],
          "COPY (binary) of each chunk in its own transaction, no index, "
          f"min(connections x window, {POSTGRES_CONNECTIONS}) connections over TCP; initdb --wal-segsize=256; "
          + ", ".join(f"{k}={v}" for k, v in POSTGRES_SETTINGS.items()),
          True, "after fdatasync of its WAL; commits of several connections share one"),
    Rival("SQLite", partial(measure_sqlite, False), needs(BUILD / "sqlite-load"), sqlite_version,
          "a transaction for each chunk, one writer (5 were slower by a fifth to a third), statements of 16 rows, in the "
          f"process that has the bets: no socket; {SQLITE_PRAGMAS.replace('PRAGMA ', '')}",
          True, "after fdatasync of its WAL, one for each chunk; times are of its transaction, without any wait before"),
    Rival("SQLite, grouped", partial(measure_sqlite, True), needs(BUILD / "sqlite-load"), sqlite_version,
          "the same, but all chunks in flight (connections x window, at most 8 MiB) share a transaction",
          True, "after fdatasync of its WAL, one for all chunks in flight"),
    Rival("Redis Streams", partial(measure_redis, "redis"), needs("redis-server", BUILD / "stream-load"), redis_version,
          "XADD of one entry for each chunk, its bytes the value; pipelined; no io-threads (two were slower on 2 cores); "
          + " ".join(a or '""' for a in REDIS_SETTINGS),
          True, "after fdatasync of the append-only file; commands of one turn of its loop share one. It holds bytes, no bets"),
    Rival("Redis Streams, bets", partial(measure_redis, "redis-bets"), needs("redis-server", BUILD / "stream-load"),
          redis_version, "XADD of one entry for each bet with six fields; pipelined; the same settings",
          True, "after fdatasync of the append-only file; a chunk when its last bet is"),
    Rival("NATS JetStream", measure_nats, needs("nats-server", BUILD / "stream-load"),
          lambda: output("nats-server", "--version").split("v")[-1],
          "one message for each chunk, a stream of file storage, one replica, all else its default",
          False, "written to the file, NOT fsynced. It syncs every two minutes, and this version (before 2.10) has no "
          "sync_interval: always. Power loss may destroy acknowledged messages"),
    Rival("course's kind", measure_course, needs(BUILD / "stream-load"), platform.python_version,
          "course_server.py: Python, a thread for each connection, CSV under a lock",
          False, "written to the file, NOT fsynced"),
]


def main():
    chunk, connections, window, seconds = (int(a) if i < 3 else float(a) for i, a in
                                           enumerate(sys.argv[1:] if len(sys.argv) == 5 else ("8192", "5", "8", "1.5")))
    for number in (signal.SIGTERM, signal.SIGHUP):  # as for SIGINT, so that everything is ended and removed
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    print(f"chunks of {chunk} bytes, {connections} connections, window {window}, {seconds} s\n")
    print(f"{'rival':20} {'version':10} {'million bets/s':>14} {'p50 ms':>8} {'p99 ms':>8} {'CPU ms/M':>9} {'peak MB':>8}")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        for rival in RIVALS:
            if reason := rival.missing():
                print(f"{rival.name:20} {reason}")
                continue
            r = rival.measure(chunk, connections, window, seconds, folder)
            print(f"{rival.name:20} {rival.version():10} {r['bets_per_second'] / 1e6:14.3f} {r['p50_ms']:8.2f} "
                  f"{r['p99_ms']:8.2f} {r['cpu_ms_per_million_bets']:9.1f} {r['peak_kb'] / 1024:8.0f}", flush=True)
    print()
    for rival in RIVALS:
        print(f"{rival.name}\n  settings: {rival.settings}\n  acknowledged: "
              f"{'' if rival.is_durable else 'WEAKER: '}{rival.acknowledges}")


if __name__ == "__main__":
    main()
