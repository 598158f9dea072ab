"""All that a request of an ordinary API meets at once: routing, key, plan with limit and quota, validation of
a body of 1 kB against the version's document, and its record."""

import http.client
import json
import re
import statistics
from dataclasses import dataclass
from pathlib import Path

import report
import verify
import work
from peers import portunus
from process import Process
from rig import Point, Rig, micros, speed

MUST_PER_SECOND, MUST_MB, MUST_LINEAR = 20_000, 512, 0.90
SIZE, KEYS, QUOTA = 1_000, 100_000, 10**15
DOCUMENT = "orders.json"

TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
SCHEMAS = {
    "Address": {
        "type": "object",
        "required": ["street", "city", "country"],
        "additionalProperties": False,
        "properties": {"street": TEXT, "city": TEXT, "zip": {"type": "string", "pattern": "^[0-9A-Z -]{3,10}$"}, "country": {"enum": ["AT", "CH", "DE", "FR"]}},
    },
    "Item": {
        "type": "object",
        "required": ["sku", "title", "quantity", "price"],
        "additionalProperties": False,
        "properties": {
            "sku": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{6}$"},
            "title": TEXT,
            "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
            "price": {"type": "number", "minimum": 0},
        },
    },
    "Order": {
        "type": "object",
        "required": ["id", "customer", "items"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            "customer": {
                "type": "object",
                "required": ["name", "address"],
                "additionalProperties": False,
                "properties": {"name": TEXT, "email": TEXT, "address": {"$ref": "#/components/schemas/Address"}},
            },
            "items": {"type": "array", "minItems": 1, "maxItems": 50, "items": {"$ref": "#/components/schemas/Item"}},
            "gift": {"type": "boolean"},
            "note": {"type": "string", "maxLength": 1000},
        },
    },
}


def document() -> dict:
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orders", "version": "1"},
        "paths": {"/small": {"post": {"requestBody": body, "responses": {"200": {"description": "taken"}}}}},
        "components": {"schemas": SCHEMAS},
    }


def order(**other) -> str:
    """One that fits, of SIZE bytes, unless `other` says otherwise."""
    address = {"street": "Lange Gasse 12", "city": "Wien", "zip": "1080", "country": "AT"}
    items = [
        {"sku": f"ABC-{number:06}", "title": f"A thing with the number {number}", "quantity": number + 1, "price": 9.5 + number}
        for number in range(8)
    ]
    out = {
        "id": "00c0ffee00c0ffee",
        "customer": {"name": "Erika Mustermann", "email": "erika@example.com", "address": address},
        "items": items, "gift": False, "note": "",
    } | other
    compact = lambda: json.dumps(out, separators=(",", ":"))
    if not other:
        out["note"] = "x" * (SIZE - len(compact()))
    return compact()


CASE = work.Case("full chain", "w5", "/small", "known", 200, body=order())


@dataclass
class Chain:
    """The gateway as a peer, with so many workers on these CPUs."""

    workers: int
    cpus: str

    @property
    def NAME(self) -> str:
        return f"full chain {self.workers} on {self.cpus}"

    def configure(self, setting: str, folder: Path, port: int, upstream: int) -> tuple[list[str], dict[str, str]]:
        command, environment = portunus.configure(setting, folder, port, upstream)
        (folder / DOCUMENT).write_text(json.dumps(document()))
        file = folder / "gateway.yaml"
        manifest = json.loads(file.read_text())
        for api in manifest["apis"].values():
            version = api["versions"]["v1"]
            version["openapi"] = f"./{DOCUMENT}"
            version["policies"] = [{"key_auth": {}}, {"validate": {}}]
        manifest["products"]["bench"]["plans"]["free"]["policies"] = [
            {"rate_limit": {"name": "second", "limit": 1_000_000, "window": "1s"}},
            {"quota": {"name": "month", "limit": QUOTA, "period": "month"}},
        ]
        file.write_text(json.dumps(manifest))
        return command, environment | {"PORTUNUS_WORKERS": str(self.workers)}

    logs = staticmethod(portunus.logs)


def problems(process: Process, folder: Path):
    """What the gateway does not do, by requests by hand."""
    def ask(body: str, key: str | None, route: int = work.ROUTES - 1) -> http.client.HTTPResponse:
        headers = {"Host": work.HOST, "Content-Type": "application/json"} | ({"X-Api-Key": key} if key else {})
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
        connection.request("POST", work.prefix(route) + CASE.path, body, headers)
        answer = connection.getresponse()
        answer.said = answer.read()
        return answer

    known = work.key(work.KEYS - 1)
    item = {"sku": "ABC-000001", "title": "A thing", "quantity": 1, "price": 1}
    for what, body, key, wanted in [
        ("an order that fits", CASE.body, known, 200),
        ("no key", CASE.body, None, 401),
        ("an unknown key", CASE.body, work.key(work.KEYS + 1), 401),
        ("a number that is too low", order(items=[item | {"quantity": 0}]), known, 422),
        ("a text that does not fit its pattern", order(items=[item | {"sku": "abc"}]), known, 422),
        ("a member that is not declared", order(surplus=1), known, 422),
        ("a body that is no JSON", CASE.body[:-1], known, 422),
        ("no body", "", known, 422),
    ]:
        answer = ask(body, key)
        if answer.status != wanted:
            yield f"answered {answer.status} {answer.said[:200]!r} instead of {wanted} to {what}"
    policy = answer_fields(ask(CASE.body, known), "RateLimit-Policy")
    if '"second";q=1000000;' not in policy or f'"month";q={QUOTA};' not in policy:
        yield f"says {policy!r} of its limits"
    left = [int(found[1]) for _ in range(5) if (found := re.search(r'"month";r=(\d+)', answer_fields(ask(CASE.body, known), "RateLimit")))]
    if len(left) < 5 or left != sorted(set(left), reverse=True):
        yield f"says of five requests in turn that {left} of the quota are left"
    if not verify.is_logged(portunus, folder, work.prefix(work.ROUTES - 1) + CASE.path):
        yield "wrote no line to its access log"


def answer_fields(answer: http.client.HTTPResponse, name: str) -> str:
    return ", ".join(answer.headers.get_all(name, []))


def part(rig: Rig, rounds: int, seconds: float) -> str:
    both = f"{rig.proxy_cpu},{rig.load_cpu}"
    points = [
        Point(label, Chain(workers, cpus), CASE, keys=KEYS)
        for label, workers, cpus in [
            ("one worker on a CPU of its own", 1, str(rig.proxy_cpu)),
            ("one worker, beside load and backend on two CPUs", 1, both),
            ("two workers, beside load and backend on two CPUs", 2, both),
        ]
    ]
    for point in points:
        process, folder = rig.proxy(point)
        work.ROUTES, work.KEYS = point.routes, point.keys
        wrong = list(problems(process, folder))
        if wrong:
            raise SystemExit(f"Full chain, {point.label}: {'; '.join(wrong)}")
    found = rig.curve(points, rounds, seconds)
    last, _ = rig.proxy(points[-1])
    rig.forget(but=last)
    memory = last.memory_bytes() / 1e6, last.memory_bytes("Pss_Anon") / 1e6, last.peak_bytes() / 1e6
    rig.forget()
    return text(points, found, *memory)


def text(points: list[Point], found: list, pss: float, anonymous: float, peak: float) -> str:
    one, beside, two = ([figures.cpu_ns for figures in of] for of in found)
    per_second = [2e9 / cpu for cpu in two]
    linear, shared = report.ratios(one, two), report.ratios(beside, two)
    must = lambda value, bound, least: report.reached(statistics.median(value), bound, least=least)
    wanted = [
        [
            "requests/s of two cores: 2 s of CPU by that of a request with two workers",
            f"{statistics.median(per_second):,.0f} ({min(per_second):,.0f}–{max(per_second):,.0f})",
            f"≥ {MUST_PER_SECOND:,}", must(per_second, MUST_PER_SECOND, True),
        ],
        ["linear: CPU of a request with one worker / with two", report.spread(linear), f"≥ {MUST_LINEAR:.2f}", must(linear, MUST_LINEAR, True)],
        ["the same, the one worker on the same two CPUs", report.spread(shared), "–", "–"],
        ["PSS with two workers, after the rounds", f"{pss:.0f} MB, of it anonymous {anonymous:.0f} MB", f"≤ {MUST_MB} MB", must([pss], MUST_MB, False)],
        ["most that it ever had resident, its start included", f"{peak:.0f} MB", f"≤ {MUST_MB} MB", must([peak], MUST_MB, False)],
    ]
    figures = [[point.label, micros(of), *speed(of)] for point, of in zip(points, found)]
    return (
        "## Full chain\n"
        f"Routing among {points[0].routes:,} routes, {KEYS:,} keys, a plan with `rate_limit` and `quota`, `validate` of a body of JSON of\n"
        f"{len(CASE.body):,} bytes, a record. Before it is measured, each gateway is seen to refuse requests without a known key (401)\n"
        "and bodies that do not fit (422), to count, and to log. Load and backend need CPUs as well, so the rate of requests\n"
        "is theirs, too: what counts is the gateway's CPU per request. The same with more workers needs more CPUs than these.\n\n"
        + report.table(["what", "median (spread)", "must", "reached"], wanted)
        + "\n"
        + report.table(["point", "CPU µs/request", "requests/s", "p50 ms", "p99 ms"], figures)
    )
