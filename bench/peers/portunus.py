"""Our own gateway, from a declarative file, with one worker."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import work
from process import free_port

NAME = "portunus"
PACKAGES: list[str] = []


def prepare(out: Path) -> None:
    """Builds the `dist` profile unless PORTUNUS_BIN names an executable."""
    if "PORTUNUS_BIN" in os.environ:
        return
    checkout = Path(__file__).resolve().parents[2]
    target = Path(os.environ.get("CARGO_TARGET_DIR", checkout / "target"))
    subprocess.run(["cargo", "build", "--profile", "dist", "--package", "portunus"], cwd=checkout, check=True)
    os.environ["PORTUNUS_BIN"] = str(target / "dist/portunus")


def binary() -> str:
    return os.environ["PORTUNUS_BIN"]


def version() -> str:
    return subprocess.run([binary(), "--version"], capture_output=True, text=True).stdout.split()[-1]


def configure(setting: str, folder: Path, port: int, backend: int) -> tuple[list[str], dict[str, str]]:
    """Writes the declarative file; gives the command and its environment."""
    file = folder / "gateway.yaml"
    # JSON is YAML; the standard library writes no other.
    file.write_text(json.dumps(manifest(setting, backend)))
    admin = f"127.0.0.1:{free_port()}"
    command = [binary(), "gateway", "--config", str(file), "--data", str(folder / "data")]
    command += ["--gateway", f"127.0.0.1:{port}", "--admin", admin]
    return command, {"PORTUNUS_WORKERS": "1", "PORTUNUS_LOG": "warn"}


def manifest(setting: str, backend: int) -> dict:
    routes = range(work.ROUTES if setting == "w5" else 1)
    apis = {}
    for route in routes:
        match = {"path": work.prefix(route)} | ({"hosts": [work.HOST]} if setting == "w5" else {})
        version = {"match": match, "strip_path": True, "upstream": "backend"}
        if setting == "w5":
            version["policies"] = [{"key_auth": {}}]
        apis[f"api-{route:04}"] = {"versions": {"v1": version}}
    out = {
        "portunus": 1,
        "upstreams": {"backend": {"targets": [{"url": f"http://127.0.0.1:{backend}"}]}},
        "apis": apis,
    }
    if setting == "w5":
        limit = {"rate_limit": {"limit": 1_000_000, "window": "1s", "by": ["key"]}}
        once = {"rate_limit": {"limit": 1, "window": "24h", "by": ["key"]}}
        plans = {name: {"approval": "auto", "policies": [policy]} for name, policy in {"free": limit, "once": once}.items()}
        out["products"] = {"bench": {"versions": [f"{api}/v1" for api in apis], "plans": plans}}
        out["applications"] = {f"app-{index}": application(work.key(index), "free") for index in range(work.KEYS)}
        out["applications"]["limited"] = application(work.limited(), "once")
    return out


def application(key: str, plan: str) -> dict:
    return {
        "keys": [{"name": "key", "env": "live", "sha256": hashlib.sha256(key.encode()).hexdigest()}],
        "subscriptions": [{"product": "bench", "plan": plan}],
    }


def logs(folder: Path) -> list[Path]:
    """Files that grow with the requests; emptied between runs."""
    return [folder / "data/traffic.jsonl"]
