/**
 * A node of a cluster that is cut off from the others keeps its clients, and answers nothing that needs the others:
 * whoever is connected to it has to go. An election takes up to 9 s, and is waited for.
 */
import type { Broker } from "./connection.ts";
import { heardWithin } from "./heardWithin.ts";
import { orAborted } from "./orAborted.ts";
import { streamState } from "./streamState.ts";

const everyMs = 2_000;
const answersWithinMs = 1_500;
const silentForMs = 10_000;

/** Goes to another node where EVENTS can't be asked for 10 s over a connection that looks whole. */
export function leaveDeafNode(broker: Broker, onLeave: () => void): Disposable {
  const heard = heardWithin<"answer">(() => silentForMs);
  const noteAnswer = () => heard.note("node", "answer");
  noteAnswer();
  let left: string | undefined;

  function leave(): void {
    left = broker.nc.getServer();
    onLeave();
    broker.reconnect();
  }

  // The client's first reconnect leads to the node that it comes from.
  const stop = broker.onReconnect(() => {
    const isBack = broker.nc.getServer() === left;
    noteAnswer();
    left = undefined;
    if (isBack) broker.reconnect();
  });

  async function look(): Promise<void> {
    if (!broker.connected) return;
    try {
      const signal = AbortSignal.timeout(answersWithinMs);
      await orAborted(streamState(broker, broker.streams.events), signal);
      noteAnswer();
    } catch {
      if (broker.connected && heard.get("node") === undefined) leave();
    }
  }

  const timer = setInterval(() => void look(), everyMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      stop();
    },
  };
}
