/** Which outcomes can be read: Redis itself tells it, in the step that stores them. Rule 9 of the design. */
import type { ChainableCommander } from "ioredis";
import {
  breakSilence,
  logChanges,
  type Store,
  type StoreLog,
} from "./connection.ts";
import { keys } from "./keys.ts";

/** Tells all who listen, once the step is done. */
export function tellDone(
  commands: ChainableCommander,
  taskIds: readonly string[],
  prefix: string,
): void {
  if (taskIds.length > 0)
    commands.publish(channelOf(prefix), taskIds.join("\n"));
}

/** The client puts its prefix before keys only. */
const channelOf = (prefix: string) => prefix + keys.done;

interface DoneHandlers {
  onDone: (taskIds: string[]) => void;
  /** It is heard from now on: what was told before was perhaps not. */
  onListening: () => void;
}

/** Nothing else shows that a connection on which nobody speaks is gone. */
const pingEveryMs = 3_000;

/** Hears it on a connection of its own, and again after each loss of that. */
export function hearDone(
  { redis, prefix, silenceMs }: Pick<Store, "redis" | "prefix" | "silenceMs">,
  { onDone, onListening }: DoneHandlers,
  log?: StoreLog,
): Disposable {
  const name = `${redis.options.connectionName}-done`;
  const subscriber = redis.duplicate({
    connectionName: name,
    autoResubscribe: false, // or nobody would know since when
  });
  logChanges(subscriber, name, log);
  breakSilence(subscriber, silenceMs);
  subscriber.on("ready", () => {
    subscriber
      .subscribe(channelOf(prefix))
      .then(onListening, (err: unknown) => {
        log?.warn({ err }, "outcomes are not heard of");
      });
  });
  subscriber.on("message", (_channel, taskIds: string) => {
    onDone(taskIds.split("\n"));
  });
  const ping = setInterval(() => {
    subscriber.ping().catch(() => undefined);
  }, pingEveryMs);
  return {
    [Symbol.dispose]() {
      clearInterval(ping);
      subscriber.disconnect();
    },
  };
}
