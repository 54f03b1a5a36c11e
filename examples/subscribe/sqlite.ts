/**
 * Fold every task into a database of one's own, each event exactly once, whenever this program is killed. Ends on Ctrl-C,
 * and with the exit code 1 where the log can't continue the database.
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
  CREATE TABLE IF NOT EXISTS checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, id TEXT NOT NULL);
  INSERT OR IGNORE INTO checkpoint VALUES (1, 0, '');
`);
const checkpoint = database.prepare("SELECT seq, id FROM checkpoint");
const advance = database.prepare("UPDATE checkpoint SET seq = ?, id = ?");
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

/** What is missing between the database and the log; undefined where the log continues the database. */
async function findLoss(read: number, id: string): Promise<string | undefined> {
  // A new database begins with the first event that the log has.
  if (read === 0) return undefined;
  const { streams: log } = await jetstreamManager(nats);
  // The event before the state: an event that is trimmed in between is before the log's first one.
  const event = await log.getMessage(streams.events, { seq: read });
  const { state } = await log.info(streams.events);
  if (state.first_seq > read + 1)
    return `events ${read + 1} to ${state.first_seq - 1} are no longer in the log`;
  // A trimmed event proves nothing. Any other is the one that was read, or the log has lost its end since.
  if (state.first_seq <= read && event?.header.get("Nats-Msg-Id") !== id)
    return `event ${read} of the log is not the one that was read`;
  return undefined;
}

const nats = await connect({ servers });
const last = checkpoint.get();
const read = Number(last?.["seq"]);
const loss = await findLoss(read, String(last?.["id"]));
if (loss !== undefined) {
  console.error(`${loss}: delete ${file}, and run this again`);
  process.exit(1);
}

const reader = await jetstream(nats).consumers.get(streams.events, {
  deliver_policy: DeliverPolicy.StartSequence,
  opt_start_seq: read + 1,
});
const messages = await reader.consume();
process.once("SIGINT", () => void messages.close());
console.log("listening");
for await (const { subject, seq, data: body, time, headers } of messages)
  take(
    { subject, seq, time: time.getTime() / 1_000, body },
    headers?.get("Nats-Msg-Id") ?? "",
  );
await nats.close();
database.close();
