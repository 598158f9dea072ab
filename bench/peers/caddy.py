"""Caddy as Debian ships it. It has neither keys nor limits without modules built in: W0 only."""

import json
import subprocess
from pathlib import Path

import work

NAME = "caddy"
PACKAGES = ["caddy"]
SETTINGS = ("w0",)


def version() -> str:
    return subprocess.run(["caddy", "version"], capture_output=True, text=True).stdout.split()[0]


def configure(setting: str, folder: Path, port: int, backend: int) -> tuple[list[str], dict[str, str]]:
    forward = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"127.0.0.1:{backend}"}],
        "rewrite": {"strip_path_prefix": work.prefix(0)},
        "transport": {"protocol": "http", "keep_alive": {"max_idle_conns_per_host": 256}, "compression": False},
    }
    route = {"match": [{"path": [work.prefix(0) + "/*"]}], "handle": [forward]}
    server = {"listen": [f"127.0.0.1:{port}"], "automatic_https": {"disable": True}, "routes": [route]}
    config = folder / "caddy.json"
    config.write_text(json.dumps({
        "admin": {"disabled": True},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"servers": {"front": server}}},
    }))
    return ["caddy", "run", "--config", str(config)], {"HOME": str(folder)}


def logs(folder: Path) -> list[Path]:
    return []
