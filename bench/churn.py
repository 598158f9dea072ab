"""What requests notice of thousands of changes, and what a change costs."""

import os
import statistics
import threading
import time
from dataclasses import replace

import database
import load
import report
import work
from peers import portunus
from rig import BASE, Point, Rig
from served import Served

CHANGES, CHANGES_PER_SECOND = 10_000, 200
HEAD = ["", "requests", "failed", "CPU µs/request", "p50 ms", "p99 ms", "p99 beside quiet"]
WANTED = ["what", "figure", "must", "goal", "reached"]


def part(rig: Rig, rounds: int, seconds: float) -> str:
    """Requests at half of what the worker can do, before, during and behind thousands of changes.
    The gateway has one CPU for the worker and for everything that a change costs."""
    routes, keys, spare = 10_000, 100_000, 5_000
    served = Served(rig, routes, keys + spare, 1)
    process = served.process
    changes = database.Changes(served.folder, spare)

    def asked(case: work.Case) -> tuple[list[int], int]:
        """What wrk says, and nanoseconds on the CPU meanwhile."""
        script, before = rig.script(Point("", portunus, case, routes, keys)), process.cpu_nanoseconds()
        figures = load.generate(script, process.port, rig.load_cpu, seconds, case.connections)
        return figures, process.cpu_nanoseconds() - before

    numbers = [0]

    def write() -> None:
        os.sched_setaffinity(0, {rig.load_cpu})
        due = time.monotonic()
        for turn in range(CHANGES):
            numbers.append(changes.write(turn))
            due += 1 / CHANGES_PER_SECOND
            time.sleep(max(0, due - time.monotonic()))

    asked(BASE)
    (good, _, micros, *_), _ = asked(BASE)
    rate = int(good / (micros / 1e6) / 2)
    paced = replace(BASE, rate=rate)
    found = {"before": [asked(paced) for _ in range(rounds)]}
    writer = threading.Thread(target=write, daemon=True)
    began = time.monotonic()
    writer.start()
    found["meanwhile"] = []
    while writer.is_alive():
        found["meanwhile"].append(asked(paced))
    took = time.monotonic() - began
    until = time.monotonic() + 30
    while served.state() < numbers[-1] and time.monotonic() < until:
        time.sleep(0.01)
    is_served = served.state() >= numbers[-1]
    found["behind"] = [asked(paced) for _ in range(rounds)]
    served.stop()

    # Both sides of the changes: what drifts meanwhile, as the database grows, is in neither's favour.
    quiet = statistics.median(figures[5] for phase in ("before", "behind") for figures, _ in found[phase])
    slower = [figures[5] / quiet for figures, _ in found["meanwhile"]]
    cost = lambda phase: sum(cpu for _, cpu in found[phase]) / sum(figures[0] for figures, _ in found[phase])
    failed = {
        phase: sum(total - good + errors for (good, total, _, errors, _, _), _ in windows)
        for phase, windows in found.items()
    }
    rows = []
    for phase, windows in found.items():
        middle = lambda at: statistics.median(figures[at] for figures, _ in windows)
        rows.append([
            phase, f"{sum(figures[1] for figures, _ in windows):,}", f"{failed[phase]:,}", f"{cost(phase) / 1000:.1f}",
            f"{middle(4) / 1000:.2f}", f"{middle(5) / 1000:.2f}",
            report.spread([figures[5] / quiet for figures, _ in windows]),
        ])
    more = (cost("meanwhile") - cost("before")) * sum(figures[0] for figures, _ in found["meanwhile"]) / CHANGES / 1e6
    lost = failed["meanwhile"] + failed["behind"]
    return (
        "## Thousands of changes under load\n"
        f"{routes:,} routes, {keys:,} keys, {rate:,} requests a second; {len(numbers) - 1:,} changes in {took:.0f} s, each in a"
        f" transaction of its own, of which the gateway hears five times a second. The worker {'has' if is_served else 'DOES NOT HAVE'} the last of them."
        " What a change costs is what the gateway's CPU does beside the requests; its CPU is the worker's.\n\n"
        + report.table(WANTED, [
            [f"requests that failed during {CHANGES:,} changes and behind them", f"{lost:,}", "0", "0", report.reached(lost, 0, 0)],
            ["CPU of one change", f"{more:.2f} ms", "≤ 20 ms", "≤ 1 ms", report.reached(more, 20, 1)],
            ["p99 during the changes / before and behind them", report.spread(slower), "≤ 1.20", "–", report.reached(statistics.median(slower), 1.2)],
        ])
        + "\n" + report.table(HEAD, rows)
    )
