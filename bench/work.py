"""The work that every peer is set up for: routes, keys, cases, and the requests that ask for it.

W0 forwards only. W5 routes by host and prefix among ROUTES routes, knows KEYS keys (401 without a
known one), counts a limit per key that never trips, sets X-Forwarded-* and X-Request-Id, takes the
key away, and writes one record of twelve fields per request.
"""

import functools
import hashlib
import random
import zlib
from dataclasses import dataclass
from pathlib import Path

ROUTES = 1_000
KEYS = 100_000
HOST = "api.bench.test"
CONNECTIONS = 64
# Requests are drawn once and repeated, so that the generator costs little: enough of them to touch
# every route and to leave no cache of keys warm by accident.
DRAWN = 8_192

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@functools.cache
def key(index: int) -> str:
    """The index-th key, in the form of our keys: 30 characters and a CRC-32 in base 62."""
    digest = int.from_bytes(hashlib.sha256(f"bench {index}".encode()).digest(), "big")
    body = "ptn_live_" + base62(digest, 30)
    return body + base62(zlib.crc32(body.encode()), 6)


def limited() -> str:
    """The one key beside the others that may ask once a day."""
    return key(2 * KEYS)


def base62(number: int, width: int) -> str:
    out = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        out.append(ALPHABET[rest])
    return "".join(reversed(out))


def prefix(route: int) -> str:
    return f"/bench/api-{route:04}/v1"


@dataclass(frozen=True)
class Case:
    """One line of the results: which instance of a peer is asked for what."""

    name: str
    setting: str  # "w0" or "w5": the configuration of the peer
    path: str  # behind the prefix: /small (200 B) or /large (1 KB)
    key: str  # "known", "unknown", "limited" or "none"
    status: int  # the answer that counts as success
    everyone: bool = False  # asked of all peers, not only of those close by
    ours: bool = False  # asked of our gateway alone
    rate: int = 0  # requests per second in all; 0 is a closed loop
    connections: int = CONNECTIONS
    body: str = ""  # of JSON; with one the method is POST

    def example(self) -> tuple[str, dict[str, str]]:
        """Path and headers of one of its requests."""
        shown = {"known": key(1), "unknown": key(KEYS + 1), "limited": limited(), "none": ""}[self.key]
        return prefix(0) + self.path, {"Host": HOST} | ({"X-Api-Key": shown} if shown else {})

    def script(self) -> str:
        """A wrk script: all requests are built before the first one is sent."""
        draw = random.Random(5)
        targets = []
        for _ in range(DRAWN):
            route = draw.randrange(ROUTES if self.setting == "w5" else 1)
            known, unknown = key(draw.randrange(KEYS)), key(KEYS + draw.randrange(KEYS))
            header = {"known": known, "unknown": unknown, "limited": limited(), "none": ""}[self.key]
            targets.append(f'{{"{prefix(route)}{self.path}", "{header}"}}')
        return SCRIPT % {
            "targets": ",\n".join(targets),
            "host": HOST,
            "method": "POST" if self.body else "GET",
            "body": f"[==[{self.body}]==]" if self.body else "nil",
            "status": self.status,
            # wrk waits whole milliseconds: of each connection's two pauses the mix gives the mean.
            "pause": 1000 * self.connections / self.rate if self.rate else 0,
        }


SCRIPT = """
local targets = {
%(targets)s
}
local requests, at = {}, 0
local pause = %(pause)f
local body = %(body)s

function init(args)
  for i, target in ipairs(targets) do
    local headers = { ["Host"] = "%(host)s" }
    if target[2] ~= "" then headers["X-Api-Key"] = target[2] end
    if body then headers["Content-Type"] = "application/json" end
    requests[i] = wrk.format("%(method)s", target[1], headers, body)
  end
  targets = nil
end

function request()
  at = at %% #requests + 1
  return requests[at]
end

if pause > 0 then
  function delay()
    local whole = math.floor(pause)
    if math.random() < pause - whole then whole = whole + 1 end
    return whole
  end
end

function done(summary, latency)
  -- wrk counts 400 and above by itself; a callback per response would cost it a third of its speed.
  local e = summary.errors
  local good = e.status
  if %(status)d < 400 then good = summary.requests - e.status end
  io.write(string.format("\\nFIGURES %%d %%d %%d %%d %%d %%d\\n",
    good, summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""

CASES = [
    Case("W5, 200 B", "w5", "/small", "known", 200, everyone=True),
    Case("W5, 1 KB", "w5", "/large", "known", 200),
    Case("W5, 200 B, paced at 5,000/s", "w5", "/small", "known", 200, rate=5_000),
    Case("W0, 200 B", "w0", "/small", "none", 200, everyone=True),
    Case("W5, refused (401)", "w5", "/small", "unknown", 401),
    Case("W5, refused (429)", "w5", "/small", "limited", 429, ours=True),
]


def write_scripts(folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    out = {}
    for number, case in enumerate(CASES):
        out[case.name] = folder / f"case-{number}.lua"
        out[case.name].write_text(case.script())
    return out
