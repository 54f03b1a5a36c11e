/**
 * Fold every task into a database of one's own, each event exactly once, whenever this program is killed. Ends on Ctrl-C,
 * and with the exit code 1 where the log can't continue the database.
 *
 *     npm run subscribers -- add tasks --from 1970-01-01
 *     NATS_URL=nats://127.0.0.1:… NATS_NKEY_FILE=…/tasks.nk node scripts/with-node.mjs examples/subscribe/sqlite.ts tasks tasks.db
 */
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import { parseEvent, streams, type EventMessage } from "@jetscribe/schema";
import { evolve, type TaskState } from "@jetscribe/schema/evolve";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const { NATS_URL: servers = "nats://127.0.0.1:4222", NATS_NKEY_FILE = "" } =
  process.env;
const [name = "tasks", file = "tasks.db"] = process.argv.slice(2);

const database = new DatabaseSync(file);
database.exec(`
  CREATE TABLE IF NOT EXISTS tasks (task_id TEXT PRIMARY KEY, status TEXT NOT NULL, state TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS read (seq INTEGER PRIMARY KEY, id TEXT NOT NULL);
`);
const checkpoint = database.prepare("SELECT max(seq) AS seq FROM read");
const idOf = database.prepare("SELECT id FROM read WHERE seq = ?");
const advance = database.prepare("INSERT INTO read VALUES (?, ?)");
const find = database.prepare("SELECT state FROM tasks WHERE task_id = ?");
const store = database.prepare(
  "INSERT INTO tasks VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET status = excluded.status, state = excluded.state",
);

/** The new state and the checkpoint are in one transaction: a crash loses both or none. */
function take(message: EventMessage, id: string): void {
  const parsed = parseEvent(message);
  database.exec("BEGIN");
  const task = "event" in parsed ? fold(parsed.event) : undefined;
  advance.run(message.seq, id);
  database.exec("COMMIT");
  if (task !== undefined) console.log(message.seq, task.task_id, task.status);
}

/** The task's new state; undefined where the log no longer has its request. */
function fold(event: Parameters<typeof evolve>[1]): TaskState | undefined {
  const row = find.get(event.data.task_id);
  const before = row && (JSON.parse(String(row["state"])) as TaskState);
  const after = evolve(before, event);
  if (after !== undefined)
    store.run(after.task_id, after.status, JSON.stringify(after));
  return after;
}

/** Why the log can't continue the database, where the event `seq` comes after the event `read`. */
const lossOf = (seq: number, read: number): string =>
  seq > read
    ? `events ${read + 1} to ${seq - 1} are no longer in the log`
    : `event ${seq} of the log is not the one that was read`;

const seed = Buffer.from(readFileSync(NATS_NKEY_FILE, "utf8").trim());
const nats = await connect({ servers, authenticator: nkeyAuthenticator(seed) });
const js = jetstream(nats, { apiPrefix: "JETSCRIBE.API" });
const reader = await js.consumers.get(streams.events, `sub=${name}`);
// It may end at any time, as by a kill.
process.once("SIGINT", () => process.exit());
console.log("listening");

/** The checkpoint at which something was missing, and was waited for. */
let waitedAt = -1;
for (;;) {
  // One at a time: what waits in this program for too long would come again.
  for await (const message of await reader.consume({ max_messages: 1 })) {
    const { subject, seq, data: body, time, headers } = message;
    const id = headers?.get("Nats-Msg-Id") ?? "";
    const read = Number(checkpoint.get()?.["seq"]);
    const isRepeated = idOf.get(seq)?.["id"] === id;
    // The subscriber has no filter: sequences have no gaps.
    if (seq !== read + 1 && !isRepeated) {
      const { num_ack_pending } = await reader.info();
      const isLost = waitedAt === read && message.redelivered;
      if (seq > read && num_ack_pending > 1 && !isLost) {
        waitedAt = read;
        break;
      }
      // A new database begins with the first event that the log has.
      if (read > 0) {
        console.error(`${lossOf(seq, read)}: delete ${file}, and add the subscriber anew`); // prettier-ignore
        process.exit(1);
      }
    }
    if (!isRepeated)
      take({ subject, seq, time: time.getTime() / 1_000, body }, id);
    // Answered: it does not come again.
    await message.ackAck();
  }
  // What is missing may have gone to a program that was killed: after so long it comes again, and then this one.
  const { ack_wait = 0 } = (await reader.info()).config;
  await sleep(ack_wait / 1e6 + 1_000);
}
