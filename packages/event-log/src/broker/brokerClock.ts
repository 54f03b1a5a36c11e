/** The broker's time, which all services share, read off a record of one's own in LOGS: decision 0013. */
import type { Broker } from "./connection.ts";
import { elapsedMs } from "./elapsed.ts";
import { messageAt } from "./streamState.ts";

export type BrokerClock = Awaited<ReturnType<typeof makeBrokerClock>>;

/** Where it could not be read, or the answer was slow. */
const againAfterMs = 1_000;
/** An answer that takes longer proves too little. */
const slowMs = 500;
const answerWithinMs = 5_000;
/** A first answer that is slow is asked for again, so often in all: of its bounds the middle would be taken. */
const firstReadings = 3;
/** A correction by so much is told. */
const muchMs = 1_000;

/**
 * Resolves after the first reading, be it in vain; a slow one is repeated at once. The clock is read every 10 s, a second
 * after a slow answer, after each reconnect, and a second after a sleep of the machine. While it can't be read it goes on
 * from the last reading; before the first one, from the time of the machine. `onCorrected` is told by how many ms the time
 * was wrong, where that is more than a second.
 */
export async function makeBrokerClock(
  broker: Broker,
  service: string,
  {
    onCorrected,
    readEveryMs = 10_000,
  }: { onCorrected?: (byMs: number) => void; readEveryMs?: number } = {},
) {
  /** What the broker's time is ahead of `elapsedMs`. */
  let ahead = Date.now() - elapsedMs();
  let isRead = false;
  let nextAt = 0;
  let reading = false;

  async function read(): Promise<void> {
    if (reading || !broker.connected) return;
    reading = true;
    try {
      const bounds = isRead
        ? await readAhead(broker, service)
        : await readFirst(broker, service);
      correct(bounds);
      nextAt = elapsedMs() + (isSlow(bounds) ? againAfterMs : readEveryMs);
    } catch {
      nextAt = elapsedMs() + againAfterMs;
    }
    reading = false;
  }

  /** By as much as the reading proves: a slow answer says less. */
  function correct({ least, most }: Bounds): void {
    const before = ahead;
    ahead = isRead
      ? Math.min(Math.max(ahead, least), most)
      : (least + most) / 2;
    isRead = true;
    if (Math.abs(ahead - before) >= muchMs) onCorrected?.(ahead - before);
  }

  await read();
  const timer = setInterval(() => {
    if (elapsedMs() >= nextAt) void read();
  }, 1_000);
  const forget = broker.onReconnect(() => void read());
  const nowMs = () => elapsedMs() + ahead;
  return {
    /** Whether it was ever read; before that it shows the time of the machine, which may be any. */
    isRead: () => isRead,
    /** Milliseconds since the epoch. */
    nowMs,
    /** Seconds since the epoch. */
    nowS: () => nowMs() / 1_000,
    /**
     * A clock that shows the same now, in seconds since the epoch, and then is corrected no more: what is between two of
     * its times really passed.
     */
    steadyS() {
      const fixed = ahead;
      return () => (elapsedMs() + fixed) / 1_000;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      forget();
    },
  };
}

/** Between which what the broker's time is ahead of `elapsedMs` surely lies, in ms. */
interface Bounds {
  least: number;
  most: number;
}

const widthOf = ({ least, most }: Bounds) => most - least;
const isSlow = (bounds: Bounds) => widthOf(bounds) > slowMs;

/** The quickest of several readings, where they are slow. */
async function readFirst(broker: Broker, service: string): Promise<Bounds> {
  let best = await readAhead(broker, service);
  for (let more = firstReadings - 1; more > 0 && isSlow(best); more--) {
    const next = await readAhead(broker, service).catch(() => best);
    if (widthOf(next) < widthOf(best)) best = next;
  }
  return best;
}

/** The broker stored the record after it was sent and before the answer came. Its time is cut to milliseconds here. */
async function readAhead(broker: Broker, service: string): Promise<Bounds> {
  const record = { level: 20, time: Date.now(), service, msg: "clock check" };
  const sentAt = elapsedMs();
  const ack = await broker.nc.request(
    broker.subjects.log(service),
    JSON.stringify(record),
    { timeout: answerWithinMs },
  );
  const answeredAt = elapsedMs();
  const { seq } = ack.json<{ seq?: number }>();
  if (seq === undefined) throw new Error("the broker did not take the record");
  const stored = await messageAt(broker, broker.streams.logs, seq);
  if (stored === undefined) throw new Error("the record is gone already");
  const storedMs = Math.floor(stored.time * 1_000);
  return { least: storedMs - answeredAt, most: storedMs + 1 - sentAt };
}
