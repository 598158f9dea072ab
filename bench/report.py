"""bench/RESULTS.md: ratios with their spread, and under which circumstances they were found."""

import platform
import statistics
from datetime import datetime, timezone
from pathlib import Path

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


def cpu(runs: Runs, case: str, name: str) -> list[float]:
    return [figures.cpu_ns for figures in runs[case][name]]


def control(runs: Runs, case: str) -> list[float]:
    """Per round the mean of the two controls."""
    return [statistics.mean(pair) for pair in zip(*(cpu(runs, case, name) for name in CONTROLS))]


def controls_differ(runs: Runs, case: str) -> float:
    a, b = (statistics.median(cpu(runs, case, name)) for name in CONTROLS)
    return abs(a - b) / min(a, b)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def ratio_rows(runs: Runs) -> list[list[str]]:
    rows = []
    for case in runs:
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
        rows.append([
            name,
            spread(ratios(cpu(runs, w5, name), cpu(runs, w0, name))),
            spread(ratios(cpu(runs, refused, name), cpu(runs, w5, name))),
        ])
    return rows


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
    unreadable = [case for case in runs if controls_differ(runs, case) > UNREADABLE]
    text = f"""# Results

Written by `make bench` on {now:%Y-%m-%d} at {now:%H:%M} UTC. The figure is CPU time per successful
request of all processes of a proxy, side by side and interleaved in one run, as a ratio; absolute
times mean nothing between runs. Below 1.00 is less than nginx. In brackets: the lowest and the
highest round. A case is unreadable when the two instances of nginx differ by more than
{UNREADABLE:.0%} in the median.

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
- Configurations: `bench/peers/*.py` write them to `bench/out/` (nginx: `nginx.conf`, `keys.map`; portunus: `gateway.yaml`).
- Cases that are unreadable in this run: {", ".join(unreadable) if unreadable else "none"}.
"""
    path.write_text(text)
