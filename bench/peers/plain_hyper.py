"""hyper with its stock pooled client on tokio's multi-thread runtime (peers/hyper): W0 only."""

import os
import re
import subprocess
from pathlib import Path

import work

NAME = "plain hyper"
PACKAGES: list[str] = []
SETTINGS = ("w0",)

PROJECT = Path(__file__).resolve().parent / "hyper"
binary = ""


def prepare(out: Path) -> None:
    global binary
    target = out / "plain-hyper"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    subprocess.run(["cargo", "build", "--quiet", "--release", "--locked"], cwd=PROJECT, env=environment, check=True)
    binary = str(target / "release/plain-hyper")


def version() -> str:
    lock = (PROJECT / "Cargo.lock").read_text()
    return re.search(r'name = "hyper"\nversion = "([^"]+)"', lock)[1]


def configure(setting: str, folder: Path, port: int, backend: int) -> tuple[list[str], dict[str, str]]:
    return [binary, f"127.0.0.1:{port}", f"127.0.0.1:{backend}", work.prefix(0)], {}


def logs(folder: Path) -> list[Path]:
    return []
