#!/usr/bin/env python3
"""bench/RESULTS.md: ratios with their spread, and under which circumstances they were found. By itself it
puts the present bench/POLICIES.md there, and leaves the rest as it is."""

import json
import math
import platform
import statistics
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.dont_write_bytecode = True

import work
from load import Figures

# Two instances of nginx that differ by more than this say that the machine was too noisy.
UNREADABLE = 0.05
CONTROLS = ("nginx", "nginx again")

# case -> name of the peer -> one Figures per round
Runs = dict[str, dict[str, list[Figures]]]


def ratios(upper: list[float], lower: list[float]) -> list[float]:
    return [a / b for a, b in zip(upper, lower)]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def percentile(values: list[float], share: float) -> float:
    """The least of them that this share does not exceed."""
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def keep(folder: Path, what: str, values) -> None:
    """Behind what else was measured, a line of JSON each."""
    with (folder / "values.jsonl").open("a") as file:
        file.write(json.dumps({"what": what, "values": values}) + "\n")


def most(bound: float | None) -> str:
    return "–" if bound is None else f"≤ {bound:.2f}"


def reached(value: float, must: float | None, goal: float | None = None, least: bool = False) -> str:
    """Which of the two was; `least` where they say how high a figure is to be, not how low."""
    holds = lambda bound: value >= bound if least else value <= bound
    if must is None:
        return "–"
    return "goal" if goal is not None and holds(goal) else "must" if holds(must) else "missed"


def cpu(runs: Runs, case: str, name: str) -> list[float]:
    return each(runs, case, name, "cpu_ns")


def each(runs: Runs, case: str, name: str, what: str) -> list[float]:
    """That figure of every round."""
    return [getattr(figures, what) for figures in runs[case][name]]


def control(runs: Runs, case: str, what: str = "cpu_ns") -> list[float]:
    """Per round the mean of the two controls."""
    return [statistics.mean(pair) for pair in zip(*(each(runs, case, name, what) for name in CONTROLS))]


def has_controls(runs: Runs, case: str) -> bool:
    """Not a case that our gateway alone is asked."""
    return all(name in runs[case] for name in CONTROLS)


def controls_differ(runs: Runs, case: str) -> float:
    a, b = (statistics.median(cpu(runs, case, name)) for name in CONTROLS)
    return abs(a - b) / min(a, b)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def ratio_rows(runs: Runs) -> list[list[str]]:
    rows = []
    for case in filter(lambda case: has_controls(runs, case), runs):
        differ = controls_differ(runs, case)
        for name in runs[case]:
            if name in CONTROLS:
                continue
            found = spread(ratios(cpu(runs, case, name), control(runs, case)))
            verdict = found if differ <= UNREADABLE else f"unreadable ({found})"
            rows.append([case, f"{name} / nginx", verdict, f"{differ:.1%}"])
    return rows


def own_rows(runs: Runs) -> list[list[str]]:
    w5, w0, refused = "W5, 200 B", "W0, 200 B", "W5, refused (401)"
    rows = []
    for name in runs[w5]:
        if name in runs[w0] and name in runs[refused]:
            rows.append([
                name,
                spread(ratios(cpu(runs, w5, name), cpu(runs, w0, name))),
                spread(ratios(cpu(runs, refused, name), cpu(runs, w5, name))),
            ])
    return rows


# What is asked of us (must, goal), against what was found.
WANTED = {
    "nginx": (1.00, 0.85), "haproxy": (1.00, 0.85), "envoy": (0.35, 0.28), "plain hyper": (0.98, 0.88),
    "W5 / W0": (1.15, 1.07), "refused (401)": (0.55, 0.45), "refused (429)": (0.55, 0.45),
    "p50": (1.00, 0.90), "p99": (1.00, 0.80), "calls": (5.0, 4.3), "switches": (0.05, 0.02),
}


def wanted_rows(runs: Runs, calls: dict) -> list[list[str]]:
    """Musts and goals beside the measured ratios; ours is the upper of each."""
    w5, w0, paced, us = "W5, 200 B", "W0, 200 B", "W5, 200 B, paced at 5,000/s", "portunus"
    if us not in runs[w5]:
        return []
    found = {
        "nginx": ("CPU, W5: portunus / nginx", ratios(cpu(runs, w5, us), control(runs, w5))),
        "W5 / W0": ("CPU: portunus W5 / W0", ratios(cpu(runs, w5, us), cpu(runs, w0, us))),
        **{
            refused: (f"CPU, W5: portunus {refused} / proxied", ratios(cpu(runs, f"W5, {refused}", us), cpu(runs, w5, us)))
            for refused in ("refused (401)", "refused (429)")
        },
        # With what backend and generator take, which is the same for both: of what each adds alone, a
        # ratio is further from 1.
        **{
            part: (f"{part}, W5 paced at 5,000/s: portunus / nginx", ratios(each(runs, paced, us, f"{part}_us"), control(runs, paced, f"{part}_us")))
            for part in ("p50", "p99")
        },
        "switches": ("context switches per request, W5", [figures.waited + figures.taken for figures in runs[w5][us]]),
    }
    for peer in ("haproxy", "envoy", "lua gateway"):
        if peer in runs[w5]:
            found[peer] = (f"CPU, W5: portunus / {peer}", ratios(cpu(runs, w5, us), cpu(runs, w5, peer)))
    if "plain hyper" in runs[w0]:
        found["plain hyper"] = ("CPU: portunus W5 / plain hyper W0", ratios(cpu(runs, w5, us), cpu(runs, w0, "plain hyper")))
    if calls.get(us):
        found["calls"] = ("system calls per request, W5", [calls[us]])
    # By the clock, of which nothing is said where it cannot be told apart from noise. The rest is counted.
    compared = {"W5 / W0": (w5, w0), "plain hyper": (w5, w0), "p50": (paced,), "p99": (paced,), "switches": (), "calls": ()}
    for refusal in ("refused (401)", "refused (429)"):
        compared[refusal] = (w5, f"W5, {refusal}")
    unreadable = set(unreadable_cases(runs))
    rows = []
    for name, (what, values) in found.items():
        must, goal = WANTED.get(name, (None, None))
        middle = statistics.median(values)
        digits = 3 if name == "switches" else 2
        shown = f"{middle:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
        verdict = reached(middle, must, goal)
        if must is not None and unreadable.intersection(compared.get(name, (w5,))):
            verdict = "unreadable"
        rows.append([what, shown, most(must), most(goal), verdict])
    return rows


def unreadable_cases(runs: Runs) -> list[str]:
    return [case for case in runs if has_controls(runs, case) and controls_differ(runs, case) > UNREADABLE]


def figure_rows(runs: Runs) -> list[list[str]]:
    rows = []
    for case in runs:
        for name, all_rounds in runs[case].items():
            middle = lambda get: statistics.median(get(figures) for figures in all_rounds)
            rows.append([
                case, name,
                f"{middle(lambda f: f.cpu_ns) / 1000:.2f}",
                f"{middle(lambda f: f.per_second):,.0f}",
                f"{middle(lambda f: f.p50_us) / 1000:.2f}",
                f"{middle(lambda f: f.p99_us) / 1000:.2f}",
                f"{middle(lambda f: f.waited):.4f}",
                f"{middle(lambda f: f.taken):.4f}",
            ])
    return rows


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    cpus = sum(line.startswith("processor") for line in lines)
    kib = int(Path("/proc/meminfo").read_text().split()[1])
    return f"{cpus} × {model}, {kib / 2**20:.0f} GiB, Linux {platform.release()}"


def write(path: Path, runs: Runs, calls: dict, memory: dict, versions: dict, how: dict) -> None:
    now = datetime.now(timezone.utc)
    unreadable = unreadable_cases(runs)
    text = f"""# Results

Written by `make bench` on {now:%Y-%m-%d} at {now:%H:%M} UTC. The figure is CPU time per successful
request of all processes of a proxy, side by side and interleaved in one run, as a ratio; absolute
times mean nothing between runs. Below 1.00 is less than nginx. In brackets: the lowest and the
highest round. A case is unreadable when the two instances of nginx differ by more than
{UNREADABLE:.0%} in the median.

## Musts and goals
{table(["what", "median (spread)", "must", "goal", "reached"], wanted_rows(runs, calls))}
## Ratios
{table(["case", "ratio of", "median (spread)", "nginx against nginx"], ratio_rows(runs))}
{table(["proxy", "W5 / W0", "refused (401) / proxied, W5"], own_rows(runs))}
## The figures behind them
Medians over {how["rounds"]} rounds of {how["seconds"]:g} s, {work.CONNECTIONS} connections. `waits` and `taken off` are context
switches per request: a thread waited, or the scheduler gave its CPU to something else. Latencies
are those that the load generator saw; it shares its CPU with the backend. The paced case spaces
each connection's requests to about 5,000 per second in all; a late answer delays the next request,
so it is no true open loop.

{table(["case", "proxy", "CPU µs/request", "requests/s", "p50 ms", "p99 ms", "waits", "taken off"], figure_rows(runs))}
{table(["proxy, W5, 200 B", "system calls per request", "memory (PSS)"], [[name, f"{calls[name]:.2f}" if calls[name] else "not measured (strace may not attach)", f"{memory[name] / 2**20:.0f} MiB"] for name in memory])}
## Circumstances
- Machine: {machine()}; proxies on CPU {how["proxy_cpu"]}, load generator and backend on CPU {how["load_cpu"]}. Load average at the start {how["load"][0]:.2f}, at the end {how["load"][1]:.2f}.
- Versions: {", ".join(f"{name} {version}" for name, version in versions.items())}.
- W5: {work.ROUTES:,} routes, {work.KEYS:,} keys; {work.DRAWN:,} different requests in turn.
- Configurations: `bench/peers/*.py` write them to `bench/out/<peer>-<w5 or w0>/`. Before it is measured, each is seen to answer 200 with a key, 401 without one, 404 elsewhere, to send request id and X-Forwarded-* upstream without the key, and to log the request.
- Left out: {"; ".join(f"{name} {why}" for name, why in how["skipped"].items()) if how["skipped"] else "none"}. Caddy and the plain hyper forwarder do W0 only.
- Cases that are unreadable in this run: {", ".join(unreadable) if unreadable else "none"}.
"""
    path.write_text(with_policies(text, path.parent))


def with_policies(text: str, folder: Path) -> str:
    """One heading lower, and in place of what was there: it is a table of its own run
    (`make bench-policies`)."""
    policies = folder / "POLICIES.md"
    if not policies.exists():
        return text
    written = policies.read_text()
    heading = written.split("\n")[0]
    return text.split(f"\n#{heading}\n")[0] + f"\n#{written}"


if __name__ == "__main__":
    results = Path(__file__).resolve().parent / "RESULTS.md"
    results.write_text(with_policies(results.read_text(), results.parent))
