"""gRPC's own library at both ends of the gateway. `serve` prints its port and serves until its input
ends; `call ADDRESS` makes every kind of call through the gateway and fails loudly."""

import sys
import threading
import time
from concurrent import futures

import grpc

CANCELLED = threading.Semaphore(0)


class Service(grpc.GenericRpcHandler):
    def service(self, details):
        method = details.method.rsplit("/", 1)[1]
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(check)
        if details.method.startswith("/closed.Service/"):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: request)
        return {
            "Unary": grpc.unary_unary_rpc_method_handler(unary),
            "ClientStream": grpc.stream_unary_rpc_method_handler(lambda parts, context: b"".join(parts)),
            "ServerStream": grpc.unary_stream_rpc_method_handler(count),
            "Both": grpc.stream_stream_rpc_method_handler(lambda parts, context: (b"<" + part for part in parts)),
            "Fail": grpc.unary_unary_rpc_method_handler(fail),
            "SetHealth": grpc.unary_unary_rpc_method_handler(set_health),
            "Slow": grpc.unary_unary_rpc_method_handler(slow),
            "WasCancelled": grpc.unary_unary_rpc_method_handler(
                lambda request, context: b"yes" if CANCELLED.acquire(timeout=10) else b"no"
            ),
        }.get(method)


# By service, as numbers of `grpc.health.v1.HealthCheckResponse`: 1 is SERVING, 2 NOT_SERVING.
HEALTH = {b"": 1, b"pets.Pets": 2}


def check(request, context):
    # `string service = 1`, if there is one.
    service = request[2:] if request else b""
    assert request == (b"\x0a" + bytes([len(service)]) + service if service else b"")
    if service not in HEALTH:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
    return b"\x08" + bytes([HEALTH[service]])


def set_health(request, context):
    HEALTH[b""] = int(request)
    return b""


def unary(request, context):
    asked = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-before", asked.get("x-mine", "")),))
    context.set_trailing_metadata((("x-after", "late"), ("x-after-bin", b"\x00\xff")))
    return request[::-1]


def count(request, context):
    for number in range(int(request)):
        yield b"%d" % number * (1 if number else 100_000)


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such pet: \u00e9")


def slow(request, context):
    context.add_callback(CANCELLED.release)
    while context.is_active():
        time.sleep(0.01)
    return b""


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), handlers=(Service(),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(0)


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError("it was answered")


def call(address):
    channel = grpc.insecure_channel(address)

    # Unary, with metadata both ways and trailers.
    answer, done = channel.unary_unary("/open.Service/Unary").with_call(
        b"abc", metadata=(("x-mine", "1"),), timeout=20
    )
    assert answer == b"cba", answer
    assert ("x-before", "1") in tuple(done.initial_metadata())
    assert ("x-after", "late") in tuple(done.trailing_metadata())
    assert ("x-after-bin", b"\x00\xff") in tuple(done.trailing_metadata())

    # The three kinds of streams.
    parts = [b"%d" % number for number in range(500)]
    answer = channel.stream_unary("/open.Service/ClientStream")(iter(parts), timeout=20)
    assert answer == b"".join(parts)
    answers = list(channel.unary_stream("/open.Service/ServerStream")(b"50", timeout=20))
    assert len(answers) == 50 and answers[49] == b"49" and len(answers[0]) == 100_000
    # Each message is answered before the next one is sent.
    turn = threading.Semaphore(1)

    def asked():
        for number in range(20):
            assert turn.acquire(timeout=10), "the answer is held back"
            yield b"%d" % number

    for number, answer in enumerate(channel.stream_stream("/open.Service/Both")(asked(), timeout=20)):
        assert answer == b"<%d" % number
        turn.release()

    # The upstream's own status, and ours in gRPC's terms.
    assert code_of(lambda: channel.unary_unary("/open.Service/Fail")(b"", timeout=20)) == (
        grpc.StatusCode.NOT_FOUND,
        "no such pet: \u00e9",
    )
    code, detail = code_of(lambda: channel.unary_unary("/closed.Service/Any")(b"", timeout=20))
    assert code == grpc.StatusCode.UNAUTHENTICATED and detail.startswith("key_missing"), (code, detail)
    code, detail = code_of(lambda: channel.unary_unary("/nowhere.Service/Any")(b"", timeout=20))
    assert code == grpc.StatusCode.UNIMPLEMENTED and detail.startswith("no_route"), (code, detail)
    key = (("x-api-key", sys.argv[3]),)
    assert channel.unary_unary("/closed.Service/Any")(b"in", metadata=key, timeout=20) == b"in"

    # A deadline, and a client that goes away: the server hears of both.
    code, _ = code_of(lambda: channel.unary_unary("/open.Service/Slow")(b"", timeout=0.3))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED, code
    assert channel.unary_unary("/open.Service/WasCancelled")(b"", timeout=20) == b"yes"
    going = channel.unary_unary("/open.Service/Slow").future(b"", timeout=20)
    time.sleep(0.2)
    going.cancel()
    assert channel.unary_unary("/open.Service/WasCancelled")(b"", timeout=20) == b"yes"

    # Many at once over one connection.
    many = [channel.unary_unary("/open.Service/Unary").future(b"%d" % n, timeout=20) for n in range(300)]
    for number, one in enumerate(many):
        assert one.result() == (b"%d" % number)[::-1]
    print("passed")


serve() if sys.argv[1] == "serve" else call(sys.argv[2])
