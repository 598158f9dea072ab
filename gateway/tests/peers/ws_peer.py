"""WebSocket with Python's `websockets` at both ends of the gateway. `serve` prints its port and serves
until its input ends; `call ADDRESS` talks through the gateway and fails loudly; `stay ADDRESS KEY` talks
until its key does not count any more."""

import asyncio
import sys

import websockets


async def echo(socket, path=None):
    async for message in socket:
        if message == "close me":
            await socket.close(4001, "as you wish")
            return
        await socket.send(message)


async def serve():
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["chat"], max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def call(address):
    url = f"ws://{address}/chat/room?x=1"
    async with websockets.connect(url, subprotocols=["chat"], max_size=None, compression=None) as socket:
        assert socket.subprotocol == "chat"
        for message in ["hello", "", "\u00e9" * 1000, b"\x00\xff" * 500_000]:
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), 10) == message
        await asyncio.wait_for(await socket.ping(), 10)
        await socket.send("close me")
        try:
            await asyncio.wait_for(socket.recv(), 10)
            raise AssertionError("it goes on")
        except websockets.ConnectionClosed as closed:
            assert (closed.code, closed.reason) == (4001, "as you wish"), closed
    # Many at once, each its own.
    async def one(number):
        async with websockets.connect(url) as socket:
            for turn in range(20):
                await socket.send(f"{number} {turn}")
                assert await asyncio.wait_for(socket.recv(), 20) == f"{number} {turn}"

    await asyncio.gather(*(one(number) for number in range(40)))
    # A refusal is one of HTTP.
    try:
        await websockets.connect(f"ws://{address}/nowhere")
        raise AssertionError("it was let in")
    except websockets.InvalidStatusCode as refused:
        assert refused.status_code == 404, refused
    print("passed")


async def stay(address, key):
    url = f"ws://{address}/chat/room"
    async with websockets.connect(url, extra_headers={"X-Api-Key": key}) as socket:
        try:
            for turn in range(600):
                await socket.send(f"{turn}")
                assert await asyncio.wait_for(socket.recv(), 10) == f"{turn}"
                await asyncio.sleep(0.05)
            raise AssertionError("it goes on")
        except websockets.ConnectionClosed as closed:
            assert closed.code == 1008, closed
    print("passed")


ROLES = {"serve": serve, "call": call, "stay": stay}
asyncio.run(ROLES[sys.argv[1]](*sys.argv[2:]))
