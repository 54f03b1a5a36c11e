/** The metrics of tasks by request and reply: the results service that leads counts each task once, and a gateway shows it. */
import { gunzip, gzip } from "node:zlib";
import { promisify } from "node:util";
import { subscribe, type Broker } from "../broker/connection.ts";

/** A scrape has ten seconds by default; what is not there by then is left out. */
const answersWithinMs = 1_000;
/** Text that repeats itself: a message holds the metrics of hundreds of models. */
const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** Metrics in the OpenMetrics format. Undefined: nobody leads, or it does not answer. Never rejects. */
export async function askTaskMetrics(
  broker: Broker,
): Promise<string | undefined> {
  try {
    const answer = await broker.nc.request(broker.subjects.metrics, "", {
      timeout: answersWithinMs,
    });
    return (await unpack(answer.data)).toString();
  } catch {
    return undefined;
  }
}

/** Answers until it is disposed of. `read`: the text; undefined of a service that does not lead, which says nothing. */
export function serveTaskMetrics(
  broker: Broker,
  read: () => Promise<string> | undefined,
): Disposable {
  const subscription = subscribe(broker, broker.subjects.metrics, (message) => {
    void read()
      ?.then(pack)
      .then((packed) => {
        if (broker.connected) message.respond(packed);
      });
  });
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}
