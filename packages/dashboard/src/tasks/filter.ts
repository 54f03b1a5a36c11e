/** Which tasks are shown. As text it stands in the address: `#/tasks?status=failed&q=user:ada+order=A-17`. */
import type { ErrorType } from "@jetscribe/schema";
import { stateMatches } from "@jetscribe/schema/evolve";
import { TaskStatuses, type TaskStatusName } from "../taskStatus.ts";

export interface Filter {
  /** None: all of them. */
  status: readonly TaskStatusName[];
  user?: string;
  model?: string;
  owner?: string;
  lane?: string;
  metadata: Readonly<Record<string, string>>;
  /** A part of type and message of a failed task's error. */
  error?: string;
  /** The server doesn't know these: the page looks for them in what it has loaded. */
  words: readonly string[];
}

/** The schema's `allOwners`: for a key with the scope `admin`. */
export const everyOwner = "*";

/** What can be written before a colon. */
export const fields = ["user", "model", "owner", "lane", "error"] as const;
type Field = (typeof fields)[number];

const isField = (name: string): name is Field =>
  (fields as readonly string[]).includes(name);

/** A word, or a part of one in quotes: `user:"Ada L"`. */
const token = /(?:[^\s"]|"[^"]*"?)+/g;

/** `text`: `user:ada model:demo order=A-17 error:Timeout word`. */
export function readFilter(text: string, status = ""): Filter {
  const filter: Filter = {
    status: TaskStatuses.filter((name) => status.split(",").includes(name)),
    metadata: {},
    words: [],
  };
  const metadata = new Map<string, string>();
  const words: string[] = [];
  for (const [found] of text.matchAll(token)) {
    const plain = found.replaceAll('"', "");
    const [, name = "", sign, value = ""] = /^([^:=]+)([:=])(.+)$/.exec(plain) ?? []; // prettier-ignore
    if (sign === ":" && isField(name)) filter[name] = value;
    else if (sign === "=") metadata.set(name, value);
    else words.push(plain.toLowerCase());
  }
  return { ...filter, words, metadata: Object.fromEntries(metadata) };
}

/** The filter of `GET /tasks` and of the calls that act on many tasks. */
export function serverFilter(filter: Filter) {
  const { status, user, model, owner, lane, error, metadata } = filter;
  return {
    ...(status.length > 0 && { status: [...status] }),
    ...(user !== undefined && { user_id: user }),
    ...(model !== undefined && { model }),
    ...(owner !== undefined && { owner }),
    ...(lane !== undefined && { lane }),
    ...(error !== undefined && { error }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
}

/** The same as a query. */
export function serverQuery(filter: Filter): URLSearchParams {
  const { metadata = {}, status, ...plain } = serverFilter(filter);
  const query = new URLSearchParams(plain);
  if (status) query.set("status", status.join());
  for (const [key, value] of Object.entries(metadata))
    query.set(`metadata.${key}`, value);
  return query;
}

/** What the page has to look for itself. */
export const hasOwnPart = ({ words }: Filter): boolean => words.length > 0;

export interface Searchable {
  task_id: string;
  status: TaskStatusName;
  model: string;
  lane: string;
  user_id?: string | undefined;
  owner?: string | undefined;
  metadata?: Readonly<Record<string, string>> | undefined;
  error_type?: ErrorType | undefined;
  error_message?: string | undefined;
}

/** Whether a task has all that the filter asks for. */
export function matches(task: Searchable, filter: Filter): boolean {
  const { status, user, model, owner, lane, metadata, error, words } = filter;
  const states = status.length > 0 ? [...status] : undefined;
  if (!stateMatches({ status: states, error }, task)) return false;
  if (user !== undefined && task.user_id !== user) return false;
  if (model !== undefined && task.model !== model) return false;
  if (lane !== undefined && task.lane !== lane) return false;
  const isOfOwner = [undefined, everyOwner, task.owner].includes(owner);
  if (!isOfOwner && task.owner !== undefined) return false;
  for (const [key, value] of Object.entries(metadata))
    if (task.metadata?.[key] !== value) return false;
  return words.every((word) => has(textOf(task), word));
}

const has = (text: string, part: string): boolean =>
  text.toLowerCase().includes(part.toLowerCase());

const textOf = (task: Searchable): string =>
  [
    ...[task.task_id, task.model, task.user_id, task.error_type],
    ...[task.error_message],
    ...Object.entries(task.metadata ?? {}).map((pair) => pair.join("=")),
  ].join("\n");
