"""Read Jetscribe's events with nats-py (pip install 'nats-py[nkeys]').

    export NATS_URL=nats://127.0.0.1:... NATS_NKEY_FILE=.../alarms.nk
    python3 examples/subscribe/subscribe.py live
    python3 examples/subscribe/subscribe.py failures alarms
    python3 examples/subscribe/subscribe.py replay replay

live: what is stored from now on, at most once, without bodies.
failures: the failed tasks of a subscriber, also those that fail while this program is away.
replay: all events of a subscriber, in order, up to the end of the log; npm run subscribers -- add replay --from TIME
The first two end on Ctrl-C.
"""

import asyncio
import json
import os
import signal
import sys

import nats

STREAM = "EVENTS"


def header(message, name):
    """The stream may hold what is no event."""
    return (message.headers or {}).get(name, "?")


async def live(client, stop):
    """Core NATS: no consumer, no acknowledgement."""

    async def hear(message):
        print(message.subject, header(message, "ce-subject"), flush=True)

    await client.subscribe("llm.stored.>", cb=hear)
    await client.flush()
    print("listening", flush=True)
    await stop.wait()


async def reader(client, name):
    """The durable consumer of a subscriber: the broker keeps its place."""
    # The subscriber's account has this much of JetStream, behind this prefix.
    events = client.jetstream(prefix="JETSCRIBE.API")
    return await events.pull_subscribe_bind(f"sub={name}", stream=STREAM)


async def failures(client, stop, name="alarms"):
    subscription = await reader(client, name)
    print("listening", flush=True)
    while not stop.is_set():
        try:
            messages = await subscription.fetch(10, timeout=1)
        except asyncio.TimeoutError:  # nothing yet
            continue
        for message in messages:
            try:
                data = json.loads(message.data)
                print(data["task_id"], data["error"]["type"], flush=True)
            except (ValueError, KeyError, TypeError):
                # Unacknowledged, what is no event would come again at each start.
                print("?", flush=True)
            # Acknowledged once it is handled: after a crash it comes again.
            await message.ack_sync(timeout=10)


async def replay(client, _stop, name="replay"):
    subscription = await reader(client, name)
    place = await subscription.consumer_info()
    waiting = place.num_pending + place.num_ack_pending
    while waiting > 0:
        for message in await subscription.fetch(1, timeout=10):
            told = message.metadata
            print(told.sequence.stream, header(message, "ce-type"), flush=True)
            await message.ack_sync(timeout=10)
            waiting = told.num_pending


async def main(command, *arguments):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    url = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
    seed = os.environ.get("NATS_NKEY_FILE")
    client = await nats.connect(url, nkeys_seed=seed)
    programs = {"live": live, "failures": failures, "replay": replay}
    await programs[command](client, stop, *arguments)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
