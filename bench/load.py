"""One run of the load generator against one proxy, with what the proxy used meanwhile."""

import http.client
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from process import Process
from work import CONNECTIONS, Case


@dataclass
class Figures:
    good: int
    cpu_ns: float  # per successful request
    per_second: float
    waited: float  # voluntary context switches per request
    taken: float  # involuntary ones: other work on the CPU, mostly
    p50_us: int
    p99_us: int


def check(case: Case, proxy: Process) -> None:
    """One request by hand: the peer answers as the case expects, and with the backend's own body."""
    path, headers = case.example()
    # What a limit has is taken first.
    for _ in range(2 if case.status == 429 else 1):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    wanted = {"/small": 200, "/large": 1024}[case.path]
    if answer.status != case.status or (case.status == 200 and len(body) != wanted):
        raise SystemExit(f"{case.name}: {' '.join(proxy.child.args)} answered {answer.status}, {body[:300]!r}")


def run(case: Case, script: Path, proxy: Process, cpu: int, seconds: float) -> Figures:
    before, waited, taken = proxy.cpu_nanoseconds(), *proxy.switches()
    good, total, micros, errors, p50, p99 = generate(script, proxy.port, cpu, seconds, case.connections)
    # Buffered log lines and batches of records belong to the requests that caused them.
    time.sleep(0.2)
    used = proxy.cpu_nanoseconds() - before
    waited, taken = (now - then for now, then in zip(proxy.switches(), (waited, taken)))
    if good == 0 or total - good > total // 1000 or errors:
        raise SystemExit(f"{case.name}: {good} of {total} requests ended as expected ({case.status}), {errors} failed on the way.")
    return Figures(good, used / good, good / (micros / 1e6), waited / good, taken / good, p50, p99)


def generate(script: Path, port: int, cpu: int, seconds: float, connections: int = CONNECTIONS) -> list[int]:
    command = ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script)]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True)
    found = re.search(r"^FIGURES (.*)$", done.stdout, re.M)
    if found is None:
        raise SystemExit(f"wrk ended without figures:\n{done.stdout}{done.stderr}")
    return [int(field) for field in found[1].split()]


def calls_per_request(script: Path, proxy: Process, cpu: int, seconds: float) -> float | None:
    """System calls of all threads per request, by strace; None where tracing is not allowed."""
    attach = [argument for pid in proxy.pids() for argument in ("-p", str(pid))]
    with tempfile.NamedTemporaryFile("r") as summary:
        tracer = subprocess.Popen(["strace", "-c", "-f", "-o", summary.name, *attach], stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        if tracer.poll() is not None:
            return None
        good = generate(script, proxy.port, cpu, seconds)[0]
        tracer.send_signal(2)
        tracer.wait()
        total = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+)", summary.read(), re.M)
    return int(total[1]) / good if total and good else None
