import { StatisticsQuery, StatisticsResponse } from "@jetscribe/schema";
import type { FastifyRequest } from "fastify";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";
import { statisticsExample } from "../examples.ts";

const schema = {
  operationId: "getStatistics",
  tags: ["Operate"],
  summary: "Counts, tokens and durations over time",
  description:
    "What happened in each step of a range of time. An event counts in the step in which the broker stored it. " +
    "A key with the scope `admin` gets the tasks of all owners, by model and lane if it wants, with durations. " +
    "Any other key gets its own tasks: counts and tokens, in steps of 60 s or more. " +
    "Steps of 10 s are kept for an hour, minutes and longer steps for 7 days (for one owner minutes for a day), and an owner's hours for 90 days, where the settings say nothing else. " +
    "An answer covers 1,500 steps at most, and all events that the log had when it was asked. 503 while the task index is being built.",
  querystring: StatisticsQuery,
  response: {
    200: answer(StatisticsResponse, "Rows in the order of their times", {
      example: statisticsExample,
    }),
    ...problems(400, 401, 403, "rate_limited", 503),
  },
  security,
};

export function statisticsRoute(app: App, deps: AppDeps): void {
  const config = { scope: "read" } as const;
  app.get("/statistics", { schema, config }, async (request) => {
    const read = await deps.readStatistics(request.query, request.key);
    const { seq, step, from, to, rows, wantedTo } = read;
    const found = { seq, step, from, to, rows };
    if (to >= wantedTo) return found;
    const next = `${app.publicPath}${restOf(request, to, wantedTo)}`;
    return { ...found, next };
  });
}

/** The call's own path and query, for what is behind a time. */
function restOf(
  { url }: Pick<FastifyRequest, "url">,
  from: number,
  to: number,
): string {
  const { searchParams } = new URL(url, "http://any");
  searchParams.set("from", String(from));
  searchParams.set("to", String(to));
  return `/statistics?${searchParams.toString()}`;
}
