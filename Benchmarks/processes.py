"""Starts the measured programs, each on its own port and folder, and always ends them."""
import contextlib, json, os, pathlib, shutil, socket, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / ".build/release"
TOOLS = ROOT / "Benchmarks/.build/release"
# QUINIELA_ variables must not change what is measured.
ENVIRONMENT = {"LC_ALL": "C"} | {k: v for k, v in os.environ.items() if not k.startswith("QUINIELA_")}


class Failed(Exception):
    """A measured program failed."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, seconds, condition):
    """Waits until `condition` is true; returns its result."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.0005)
    sys.exit(f"bench: no {what} within {seconds} s")


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@contextlib.contextmanager
def scratch(parent=None):
    """Makes a folder in `parent`, in BENCH_FOLDER, or with the temporary files; removes it at the end."""
    folder = tempfile.mkdtemp(prefix="quiniela-bench.", dir=parent or os.environ.get("BENCH_FOLDER"))
    try:
        yield pathlib.Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(arguments, port, prefix=(), log=subprocess.DEVNULL):
    """Runs a process, from the moment that it listens on `port`."""
    process = subprocess.Popen([*prefix, *map(str, arguments)], stderr=log, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        until(f"port of {arguments[0]}", 60, lambda: process.poll() is not None or answers(port))
        if process.poll() is not None:
            sys.exit(f"bench: {arguments[0]} ended with {process.returncode}")
        yield process
    finally:
        process.terminate()
        process.wait()


def ingest(data, port, agencies=10000):
    """Returns the arguments of bet-ingest."""
    return [PROGRAMS / "bet-ingest", "--data", data, "--listen", f"127.0.0.1:{port}", "--set", f"agencies={agencies}",
            "--set", "log.level=WARNING"]


def winners(data, port, agencies):
    """Returns the arguments of winners-service."""
    return [PROGRAMS / "winners-service", "--data", data, "--listen", f"127.0.0.1:{port}", "--set", f"agencies={agencies}",
            "--set", "log.level=WARNING"]


def output(*arguments, seconds=60.0):
    """Runs a measuring program and returns the JSON that it prints."""
    try:
        out = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failed("no answers for a minute") from None
    if out.returncode != 0:
        raise Failed(out.stderr.strip())
    return json.loads(out.stdout)


def load(port, chunk, connections, window, seconds=0.0, rate=0, pid=0, chunks=0, draw=""):
    """Runs quiniela-load against a port and returns its JSON."""
    return output(TOOLS / "quiniela-load", port, connections, window, chunk, seconds, rate, pid, chunks, draw,
                  seconds=seconds + 60)


def memory(pid, field="VmRSS"):
    """Returns the memory of a process in MB: VmRSS now, VmHWM at its peak, RssAnon without mapped files."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
