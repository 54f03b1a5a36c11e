/** Statistics of tasks over time, from the task index: decision 0041. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import {
  askStatistics,
  type AnsweredPart,
  type StatisticsAt,
  type StatisticsPart,
  type StatisticsQuestion,
} from "@jetscribe/event-log/read/taskIndex";
import {
  isOfAllOwners,
  maxStatisticsSteps,
  shortestOwnerStepS,
  slugIfAny,
  statisticsRange,
  type StatisticsQuery,
} from "@jetscribe/schema";
import type { Models } from "../accept/models.ts";
import { ApiError } from "../apiError.ts";
import { seesAllOwners, type ApiKey } from "../keys/apiKeys.ts";
import { askIndex } from "../list/askIndex.ts";
import { ownerOf } from "../list/listTasks.ts";

interface Deps {
  broker: Broker;
  models: Pick<Models, "nameOf">;
  clock: Pick<BrokerClock, "nowS">;
}

type Wanted = Omit<StatisticsQuestion, "created" | "seq">;

/** `seq`: of the log up to which it counts. `to` is earlier than asked for where one answer does not hold all rows. */
export type StatisticsRead = AnsweredPart & { seq: number; wantedTo: number };

export type Statistics = ReturnType<typeof makeStatistics>;

export function makeStatistics({ broker, models, clock }: Deps) {
  async function ask(wanted: Wanted, withinMs?: number): Promise<StatisticsAt> {
    const answer = await askIndex(
      broker,
      (end) => askStatistics(broker, end, wanted),
      withinMs,
    );
    return { ...answer, parts: answer.parts.map(withNames) };
  }

  const withNames = (part: AnsweredPart): AnsweredPart => ({
    ...part,
    rows: part.rows.map((row) => ({
      ...row,
      ...(row.model !== undefined && { model: models.nameOf(row.model) }),
    })),
  });

  return {
    /** Rejects with an ApiError: what is asked for is not there for the key, or no task index answers. */
    async read(query: StatisticsQuery, key: ApiKey): Promise<StatisticsRead> {
      const wanted = wantedOf(query, key);
      const range = rangeOf(query, clock.nowS());
      const { step } = query;
      const answer = await ask({ ...wanted, parts: [{ ...range, step }] });
      const [part = { ...range, step, rows: [] }] = answer.parts;
      return { ...part, seq: answer.position, wantedTo: range.to };
    },
    /**
     * Those that a page shows: all of an owner's (a slug), or everybody's, in several ranges. An index is asked once: the
     * page goes on without, and asks again. Rejects likewise.
     */
    readShown: (
      owner: string | undefined,
      parts: StatisticsPart[],
    ): Promise<StatisticsAt> =>
      ask({ ...(owner !== undefined && { owner }), parts }, 0),
  };
}

function wantedOf(query: StatisticsQuery, key: ApiKey): Omit<Wanted, "parts"> {
  const { step, model, lane, by, histograms } = query;
  const owner = whose(query, key);
  if (owner !== undefined) {
    const refused = (
      [
        [step < shortestOwnerStepS, "step", `at least ${shortestOwnerStepS}`],
        [model !== undefined, "model", "not of one owner"],
        [lane !== undefined, "lane", "not of one owner"],
        [by === "model", "by", "not of one owner"],
        [histograms, "histograms", "not of one owner"],
      ] as const
    ).filter(([isRefused]) => isRefused);
    const fields = refused.map(([, field, message]) => ({ field, message }));
    if (fields.length > 0) throw invalid(fields);
    return { owner };
  }
  return {
    ...(model !== undefined && { model: slugIfAny(model) ?? "" }),
    ...(lane && { lane }),
    ...{ byModel: by === "model", histograms },
  };
}

/** The slug of the owner whose tasks are meant; undefined: those of every owner. */
function whose({ owner }: StatisticsQuery, key: ApiKey): string | undefined {
  if (isOfAllOwners(owner, seesAllOwners(key))) return undefined;
  return ownerOf({ owner }, key);
}

function rangeOf(query: StatisticsQuery, nowS: number) {
  const range = statisticsRange(query, nowS);
  const { step } = query;
  if (range.from >= range.to)
    throw invalid([{ field: "to", message: "expected a time behind from" }]);
  if ((range.to - range.from) / step > maxStatisticsSteps)
    throw invalid([
      { field: "step", message: `more than ${maxStatisticsSteps} steps` },
    ]);
  return range;
}

const invalid = (fields: { field: string; message: string }[]): ApiError =>
  new ApiError(
    "invalid_request",
    `see: ${fields.map(({ field }) => field).join(", ")}`,
    { fields },
  );
