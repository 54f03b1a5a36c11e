/** A listener as a biller would be one: what the live feed of stored events said of outcomes. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectWitness, type Witnessed } from "./connectWitness.ts";
import { outcomeWords } from "./tasks.ts";
import { headerOf } from "./wire/headerOf.ts";

export interface HeardOutcome {
  /** Where the feed says that it stands in the log. */
  seq: number;
  word: string;
  taskId: string;
}

export interface Heard {
  outcomes: readonly HeardOutcome[];
  /** When the only connection was made, in ms since the epoch; undefined: there were several, or there is no feed. */
  since: number | undefined;
}

export interface Listener extends AsyncDisposable {
  heard(): Heard;
}

const feed = "llm.stored.";

export function listenStored(at: Witnessed): Listener {
  const outcomes: HeardOutcome[] = [];
  const connectedAt: number[] = [];
  const stop = new AbortController();

  async function listenOnce(): Promise<void> {
    using broker = await connectWitness(at);
    const { config } = await broker.request("$JS.API.STREAM.INFO.EVENTS");
    const { republish } = config as { republish?: { dest?: string } };
    if (!republish?.dest?.startsWith(feed)) return await sleep(500);
    broker.subscribe(`${feed}>`, ({ subject, headers }) => {
      const word = subject.split(".")[2] ?? "";
      const of = (name: string) => headerOf(headers, name);
      if (outcomeWords.includes(word))
        outcomes.push({ seq: Number(of("Nats-Sequence")), word, taskId: of("ce-subject") }); // prettier-ignore
    });
    // The broker knows the subscription once it has answered what was asked after it.
    await broker.request("$JS.API.INFO");
    connectedAt.push(Date.now());
    while (!broker.closed && !stop.signal.aborted) await sleep(50);
  }

  async function listen(): Promise<void> {
    while (!stop.signal.aborted) await listenOnce().catch(() => sleep(100)); // The broker is down.
  }

  const listening = listen();
  return {
    heard: () => ({
      outcomes,
      since: connectedAt.length === 1 ? connectedAt[0] : undefined,
    }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await listening;
    },
  };
}
