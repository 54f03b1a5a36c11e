/** Lists of an owner's tasks, from the task index. Read your writes: a task whose 202 was answered is in the list. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  askTaskList,
  type ListQuestion,
  type TaskPageAt,
} from "@jetscribe/event-log/read/taskIndex";
import { allOwners, slugIfAny, type TaskFilter } from "@jetscribe/schema";
import type { Models } from "../accept/models.ts";
import { ApiError } from "../apiError.ts";
import { checkMoment } from "./checkMoment.ts";
import { seesAllOwners, type ApiKey } from "../keys/apiKeys.ts";
import { askIndex } from "./askIndex.ts";

export type Lists = ReturnType<typeof makeListTasks>;

interface PageOf {
  limit: number;
  cursor?: string | undefined;
  /** As they were when the log ended with this sequence. */
  at?: number | undefined;
}

export function makeListTasks(broker: Broker, models: Pick<Models, "nameOf">) {
  /**
   * A page of the tasks that match, the newest first. Rejects with an ApiError: `forbidden` for the tasks of another owner
   * without the scope `admin`, as `checkMoment` for a moment that is not in the log, and `unavailable` where no task index answers, as while it is built.
   */
  async function listTasks(
    filter: TaskFilter,
    key: ApiKey,
    { limit, cursor, at }: PageOf,
  ): Promise<TaskPageAt> {
    if (at !== undefined) await checkMoment(broker, at);
    const moment = at !== undefined && { at };
    const wanted = { ...wantedOf(filter, key, cursor), limit, ...moment };
    return named(await ask(broker, wanted));
  }

  /** Those of the named tasks that match. Rejects as `listTasks`. */
  async function readListed(
    taskIds: readonly string[],
    filter: TaskFilter,
    key: ApiKey,
  ): Promise<TaskPageAt> {
    const ids = taskIds.map((id) => id.replaceAll("-", ""));
    const wanted = { ...wantedOf(filter, key, undefined), ids };
    return named(await ask(broker, { ...wanted, limit: ids.length }));
  }

  /** With the models' names, and the cursor as callers get it. */
  function named({ tasks, position, cursor }: TaskPageAt): TaskPageAt {
    const end = cursor && Buffer.from(cursor, "hex").toString("base64url");
    return {
      tasks: tasks.map((task) => ({
        ...task,
        model: models.nameOf(task.model),
      })),
      position,
      ...(end && { cursor: end }),
    };
  }

  /** How many tasks match, behind the cursor if there is one. Rejects as `listTasks`. */
  async function countTasks(
    filter: TaskFilter,
    key: ApiKey,
    cursor?: string,
  ): Promise<number> {
    const wanted = { ...wantedOf(filter, key, cursor), limit: 1, count: true };
    let count = 0;
    let end: string | undefined;
    do {
      const page = await ask(broker, {
        ...wanted,
        ...(end && { cursor: end }),
      });
      count += page.count ?? 0;
      end = page.cursor;
    } while (end !== undefined);
    return count;
  }

  return { listTasks, readListed, countTasks };
}

/** The slug of the owner whose tasks are meant. Throws an ApiError where the key may not name it. */
export function ownerOf(
  { owner }: Pick<TaskFilter, "owner">,
  key: ApiKey,
): string {
  const slug = owner === undefined ? key.owner : (slugIfAny(owner) ?? "");
  if (slug !== key.owner && !seesAllOwners(key))
    throw new ApiError(
      "forbidden",
      "only a key with the scope admin may name another owner",
    );
  return slug;
}

/** Undefined: those of every owner are meant. */
export function ownersOf(
  filter: Pick<TaskFilter, "owner">,
  key: ApiKey,
): string | undefined {
  if (filter.owner === allOwners && seesAllOwners(key)) return undefined;
  return ownerOf(filter, key);
}

type Wanted = Omit<ListQuestion, "created" | "seq">;

function wantedOf(
  filter: TaskFilter,
  key: ApiKey,
  cursor: string | undefined,
): Omit<Wanted, "limit"> {
  const { model, lane, status, user_id, metadata, group } = filter;
  const { error, after, before } = filter;
  const owner = ownersOf(filter, key);
  return {
    ...(owner !== undefined && { owner }),
    ...(model !== undefined && { model: slugIfAny(model) ?? "" }),
    ...(lane && { lane }),
    ...(status && { status }),
    ...(user_id !== undefined && { user_id }),
    ...(metadata && { metadata }),
    ...(group !== undefined && { group }),
    ...(error !== undefined && { error }),
    ...(after !== undefined && { after_ms: after * 1_000 }),
    ...(before !== undefined && { before_ms: before * 1_000 }),
    ...(cursor !== undefined && { cursor: pageEndOf(cursor) }),
  };
}

/** The end of a page as the index knows it: a cursor is that in base64url. */
function pageEndOf(cursor: string): string {
  const hex = Buffer.from(cursor, "base64url").toString("hex");
  if (/^[0-9a-f]{32}(00)?$/.test(hex)) return hex;
  const fields = [{ field: "cursor", message: "expected a cursor of a page" }];
  throw new ApiError("invalid_request", "see: cursor", { fields });
}

/** Whether a page that ends with this cursor has gone through the task's place. */
export const isAbove = (taskId: string, cursor: string): boolean =>
  taskId.replaceAll("-", "") >=
  Buffer.from(cursor, "base64url").toString("hex");

/** The cursor of a page that begins behind this task. */
export const cursorBehind = (taskId: string): string =>
  Buffer.from(taskId.replaceAll("-", ""), "hex").toString("base64url");

/** The cursor of a page that begins with this task. */
export const cursorBefore = (taskId: string): string =>
  Buffer.from(`${taskId.replaceAll("-", "")}00`, "hex").toString("base64url");

const ask = (broker: Broker, wanted: Wanted): Promise<TaskPageAt> =>
  askIndex(broker, (end) => askTaskList(broker, end, wanted));
