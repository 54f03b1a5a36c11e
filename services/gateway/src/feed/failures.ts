/** The latest failures by type and model: from the task index, and from then on from the live feed. */
import type { StoredEvent } from "@jetscribe/event-log/codec/storedEvent";
import {
  allOwners,
  recentFailures,
  type ErrorType,
  type NowFailure,
} from "@jetscribe/schema";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Models } from "../accept/models.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { Lists } from "../list/listTasks.ts";

interface Failure {
  model: string;
  error_type?: ErrorType | undefined;
  /** In seconds since the epoch. */
  at: number;
  task_id: string;
  /** In a page of all owners. */
  owner?: string | undefined;
}

const withinS = 3_600;

export function makeFailures(
  {
    lists,
    models,
    clock,
  }: {
    lists: Pick<Lists, "listTasks">;
    models: Pick<Models, "nameOf">;
    clock: Pick<BrokerClock, "nowS">;
  },
  key: ApiKey,
  owner: string | undefined,
) {
  /** The newest first. */
  let latest: Failure[] = [];
  let told = "";

  function all(): NowFailure[] {
    const since = clock.nowS() - withinS;
    const recent = latest.filter(({ at }) => at >= since);
    const alike = Map.groupBy(
      recent,
      ({ model, error_type = "" }) => `${model} ${error_type}`,
    );
    return [...alike.values()].flatMap((same) => {
      const [last] = same;
      if (last === undefined) return [];
      const { model, error_type, at, task_id, owner } = last;
      return {
        ...(error_type && { error_type }),
        ...{ model, count: same.length, last_at: at, last_task_id: task_id },
        ...(owner !== undefined && { last_owner: owner }),
      };
    });
  }

  return {
    all,
    /** Undefined where they are as they were when this was last asked. */
    changed(): NowFailure[] | undefined {
      const now = all();
      const text = JSON.stringify(now);
      if (text === told) return undefined;
      told = text;
      return now;
    },
    /** Resolves with the sequence up to which they are known; rejects with an ApiError. */
    async read(): Promise<number> {
      const after = clock.nowS() - withinS;
      const page = await lists.listTasks(
        { status: ["failed"], after, owner: owner ?? allOwners },
        key,
        { limit: recentFailures },
      );
      latest = page.tasks.map(({ ended_at: at = 0, ...task }) => {
        const { model, error_type, task_id, owner: whose } = task;
        return { model, error_type, task_id, at, owner: whose };
      });
      told = JSON.stringify(all());
      return page.position;
    },
    note(event: StoredEvent): void {
      const { queue, errorType, time, taskId } = event;
      const model = models.nameOf(queue.model);
      const whose = owner === undefined ? queue.owner : undefined;
      const failure = { model, error_type: errorType, at: time, owner: whose };
      latest = [{ ...failure, task_id: taskId }, ...latest].slice(
        0,
        recentFailures,
      );
    },
  };
}
