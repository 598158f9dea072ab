"""What the record of a request costs: its worker's time, and how many of them the stores take; and whether
one is lost while a gateway answers as fast as it can."""

import re
import sqlite3
import time
import urllib.request
from pathlib import Path

import load
import report
import work
from peers import portunus
from rig import BASE, Point, Rig
from served import Served

# Must and goal; rows a second are at least so many.
ON_THE_WORKER = (400, 150)
ROWS = {"Sqlite": (100_000, 400_000), "Postgres": (80_000, 250_000)}
NAMES = {"Sqlite": "SQLite", "Postgres": "PostgreSQL"}
ROUTES, KEYS = 1_000, 10_000
PATIENCE = 60
HEAD = ["what", "figure", "must", "goal", "reached"]


def measured(file: Path) -> str:
    """From what the ignored tests have printed (the command is in `bench/platform`)."""
    said, rows = file.read_text(), []
    if found := re.search(r"(\d+) ns per record on the worker", said):
        must, goal = ON_THE_WORKER
        nanoseconds = int(found[1])
        rows.append(["time of the worker for a record", f"{nanoseconds} ns", f"≤ {must} ns", f"≤ {goal} ns", report.reached(nanoseconds, must, goal)])
    for what, pattern in [
        ("rows/s from the spool into log and rollups", r"(Sqlite|Postgres): (\d+) rows/s from the spool"),
        ("rows/s in batches of 5,000", r"(Sqlite|Postgres): (\d+) records a second"),
    ]:
        for backend, figure in re.findall(pattern, said):
            must, goal = ROWS[backend]
            reached = report.reached(int(figure), must, goal, least=True)
            rows.append([f"{NAMES[backend]}: {what}", f"{int(figure):,}", f"≥ {must:,}", f"≥ {goal:,}", reached])
    for backend, length, figure in re.findall(r"(Sqlite|Postgres), (\d+) at once: (\d+) records a second", said):
        rows.append([f"{NAMES[backend]}: rows/s where hardly two are of one caller, {int(length):,} at once", f"{int(figure):,}", "–", "–", "–"])
    if not rows:
        raise SystemExit(f"{file} holds no figures.")
    return (
        "What the tests `rate`, `rate_of_a_worker` and `rate_of_many_callers` print, in a build without link-time optimization. The\n"
        "worker's time is that from an empty record to one in the ring, its texts copied for it; who drains the ring is not in it.\n"
        "From the spool each of 400,000 records is counted as stored before the time is taken, so none is lost. PostgreSQL is on\n"
        "the same machine and waits for no disk.\n\n"
        + report.table(HEAD, rows)
    )


def counters(admin: int) -> dict[str, float]:
    """Of the admin address, summed over what they are told by."""
    sums: dict[str, float] = {}
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10) as page:
        for line in page.read().decode().splitlines():
            if not line.startswith("#"):
                name, value = re.split(r"[{ ]", line)[0], line.rsplit(" ", 1)[1]
                sums[name.removeprefix("portunus_")] = sums.get(name.removeprefix("portunus_"), 0) + float(value)
    return sums


def lost(rig: Rig, seconds: float) -> str:
    """All requests of a closed loop are in the log."""
    served = Served(rig, ROUTES, KEYS, 1)
    script = rig.script(Point("", portunus, BASE, ROUTES, KEYS))
    good, total, micros, *_ = load.generate(script, served.process.port, rig.load_cpu, seconds)
    ended, until = time.monotonic(), time.monotonic() + PATIENCE
    while True:
        now = counters(served.admin)
        dropped = sum(now[f"traffic_{why}_total"] for why in ("ring_dropped", "spool_dropped", "refused"))
        if now["traffic_stored_total"] + dropped >= now["requests_total"] or time.monotonic() > until:
            break
        time.sleep(0.05)
    behind = time.monotonic() - ended
    served.stop()
    log = sqlite3.connect(served.folder / "portunus-traffic.sqlite")
    (logged,) = log.execute("SELECT count(*) FROM request").fetchone()
    (summed,) = log.execute("SELECT sum(count) FROM rollup_hour").fetchone()
    log.close()
    gone = now["requests_total"] - min(logged, summed)
    return (
        f"A gateway on SQLite is asked in a closed loop for {seconds:g} s, and answers {total / (micros / 1e6):,.0f} requests a second.\n\n"
        + report.table(HEAD, [
            ["requests that the gateway counted", f"{now['requests_total']:,.0f}", "–", "–", "–"],
            ["of them neither in the log nor in the sums", f"{gone:,.0f}", "0", "0", report.reached(gone, 0, 0)],
            ["of them dropped, by its own counters", f"{dropped:,.0f}", "0", "0", report.reached(dropped, 0, 0)],
            ["until all were stored, from the last answer on", f"{behind:.2f} s", "–", "–", "–"],
        ])
    )


def part(rig: Rig, seconds: float, rates: Path | None) -> str:
    told = measured(rates) if rates else "Worker's time and rows a second: not measured (`--rates`).\n"
    return "## Records\n" + told + "\n" + lost(rig, seconds)
