"""Read Jetscribe's events with nats-py (pip install nats-py).

    NATS_URL=nats://127.0.0.1:... python3 examples/subscribe/subscribe.py live
    NATS_URL=... python3 examples/subscribe/subscribe.py failures alarms [model]
    NATS_URL=... python3 examples/subscribe/subscribe.py replay 2026-11-29T08:00:00Z

live: what is stored from now on, at most once, without bodies.
failures: each failed task, also those that fail while this program is away.
replay: all events since a time, in order, up to the end of the log.
The first two end on Ctrl-C.
"""

import asyncio
import json
import os
import signal
import sys

import nats
from nats.errors import TimeoutError as NothingYet
from nats.js.api import ConsumerConfig, DeliverPolicy

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


async def failures(client, stop, name="alarms", model="*"):
    """A durable consumer: the broker keeps its place under its name."""
    events = client.jetstream()
    subscription = await events.pull_subscribe(
        f"llm.events.failed.{model}.*.*", durable=name, stream=STREAM
    )
    print("listening", flush=True)
    while not stop.is_set():
        try:
            messages = await subscription.fetch(10, timeout=1)
        except NothingYet:
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


async def replay(client, _stop, since="1970-01-01T00:00:00Z"):
    """An ordered consumer: the client makes it anew where a message is missing."""
    events = client.jetstream()
    subscription = await events.subscribe(
        "llm.events.>",
        stream=STREAM,
        ordered_consumer=True,
        config=ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=since
        ),
    )
    waiting = (await subscription.consumer_info()).num_pending
    if waiting == 0 and subscription.pending_msgs == 0:
        return
    async for message in subscription.messages:
        told = message.metadata
        print(told.sequence.stream, header(message, "ce-type"), flush=True)
        if told.num_pending == 0:
            return


async def main(command, *arguments):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    client = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    programs = {"live": live, "failures": failures, "replay": replay}
    await programs[command](client, stop, *arguments)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
