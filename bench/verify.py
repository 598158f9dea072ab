"""Whether a peer does the work that it is measured at, by a few requests by hand."""

import http.client
import json
import time
from pathlib import Path

import work
from process import Process


def ask(port: int, path: str, key: str | None) -> tuple[int, bytes]:
    headers = {"Host": work.HOST} | ({"X-Api-Key": key} if key else {})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def check(peer, setting: str, proxy: Process, folder: Path) -> None:
    """Ends with a sentence when it does not."""
    wrong = list(problems(peer, setting, proxy, folder))
    if wrong:
        raise SystemExit(f"{peer.NAME}, {setting}: {'; '.join(wrong)}")


def problems(peer, setting: str, proxy: Process, folder: Path):
    known = work.key(7) if setting == "w5" else None
    status, said = ask(proxy.port, work.prefix(0) + "/said", known)
    if status != 200:
        yield f"answered {status} {said[:200]!r} instead of 200"
        return
    if setting == "w0":
        return
    said = json.loads(said)
    if len(said["request_id"]) < 16:
        yield f"sent {said['request_id']!r} as request id"
    if said["key"]:
        yield "sent the key upstream"
    # Envoy puts the machine's own address where the client is on the loopback.
    if not said["for"] or "," in said["for"] or said["host"] != work.HOST or said["proto"] != "http":
        yield f"sent X-Forwarded-* as {said}"
    last = work.prefix(work.ROUTES - 1) + "/small"
    for what, path, key, wanted in [
        ("the last route and key", last, work.key(work.KEYS - 1), 200),
        ("no key", last, None, 401),
        ("an unknown key", last, work.key(work.KEYS + 1), 401),
        ("no route", "/elsewhere/small", known, 404),
    ]:
        status, _ = ask(proxy.port, path, key)
        if status != wanted:
            yield f"answered {status} instead of {wanted} to {what}"
    if not is_logged(peer, folder, last):
        yield "wrote no line to its access log"


def is_logged(peer, folder: Path, text: str) -> bool:
    # Envoy writes its file every ten seconds at the latest.
    until = time.monotonic() + 12
    while time.monotonic() < until:
        if hasattr(peer, "logged"):
            logs = [peer.logged(folder)]
        else:
            logs = [log.read_text(errors="replace") for log in peer.logs(folder) if log.exists()]
        if any(text in log for log in logs):
            return True
        time.sleep(0.2)
    return False
