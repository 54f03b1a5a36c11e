/**
 * Fold every task into a database of one's own, each event exactly once, whenever this program is killed. Ends on Ctrl-C.
 *
 *     NATS_URL=nats://127.0.0.1:… node scripts/with-node.mjs examples/subscribe/sqlite.ts tasks.db
 */
import { DatabaseSync } from "node:sqlite";
import { DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { parseEvent, streams, type EventMessage } from "@jetscribe/schema";
import { evolve, type TaskState } from "@jetscribe/schema/evolve";
import { connect } from "@nats-io/transport-node";

const { NATS_URL: servers = "nats://127.0.0.1:4222" } = process.env;
const [file = "tasks.db"] = process.argv.slice(2);

const database = new DatabaseSync(file);
database.exec(`
  CREATE TABLE IF NOT EXISTS tasks (task_id TEXT PRIMARY KEY, status TEXT NOT NULL, state TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
  INSERT OR IGNORE INTO checkpoint VALUES (1, 0);
`);
const checkpoint = database.prepare("SELECT seq FROM checkpoint");
const advance = database.prepare("UPDATE checkpoint SET seq = ?");
const find = database.prepare("SELECT state FROM tasks WHERE task_id = ?");
const store = database.prepare(
  "INSERT INTO tasks VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET status = excluded.status, state = excluded.state",
);

/** The new state and the checkpoint are in one transaction: a crash loses both or none. */
function take(message: EventMessage): void {
  const parsed = parseEvent(message);
  database.exec("BEGIN");
  const task = "event" in parsed ? fold(parsed.event) : undefined;
  advance.run(message.seq);
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

const nats = await connect({ servers });
const read = Number(checkpoint.get()?.["seq"]);
const manager = await jetstreamManager(nats);
const { state } = await manager.streams.info(streams.events);
if (state.last_seq < read || state.first_seq > read + 1)
  console.error("events are missing: delete the database, and run this again");

const reader = await jetstream(nats).consumers.get(streams.events, {
  deliver_policy: DeliverPolicy.StartSequence,
  opt_start_seq: read + 1,
});
const messages = await reader.consume();
process.once("SIGINT", () => void messages.close());
console.log("listening");
for await (const { subject, seq, data: body, time } of messages)
  take({ subject, seq, time: time.getTime() / 1_000, body });
await nats.close();
database.close();
