import {
  DensityQuery,
  DensityResponse,
  LogQuery,
  LogResponse,
  MomentQuery,
  MomentResponse,
} from "@jetscribe/schema";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";
import { densityExample, logExample, momentExample } from "../examples.ts";

const common = { tags: ["Operate"], security };

const moment = {
  ...common,
  operationId: "getMoment",
  summary: "See the system at a moment of the past",
  description:
    "What waited and ran when the log ended with the event at `seq`, or at `time`, and the failures of the hour before; without both as of the log's last event. " +
    "A key with the scope `admin` sees all owners, another one its own tasks. The sequence goes into `at` of `GET /tasks`. 410 where the log has dropped that moment.",
  querystring: MomentQuery,
  response: {
    200: answer(MomentResponse, "The moment", { example: momentExample }),
    ...problems(400, 401, 403, 410, "rate_limited", 503),
  },
};

const density = {
  ...common,
  operationId: "getLogDensity",
  summary: "See when how many events were stored",
  description:
    "The events of the whole log, of all owners, in buckets of equal length.",
  querystring: DensityQuery,
  response: {
    200: answer(DensityResponse, "The buckets", { example: densityExample }),
    ...problems(400, 401, 403, "rate_limited", 503),
  },
};

const log = {
  ...common,
  operationId: "readLog",
  summary: "Read the log",
  description:
    "Events by their headers, without prompts and texts, which `GET /tasks/{task_id}/events` has. The newest come first: those before `before`, or the last ones. With `after` the oldest come first. " +
    "An event has to match all parameters that are given. A page may have fewer events than `limit`: there are more as long as the answer has a `next`.",
  querystring: LogQuery,
  response: {
    200: answer(LogResponse, "A page of events", { example: logExample }),
    ...problems(400, 401, 403, "rate_limited", 503),
  },
};

export function logRoutes(app: App, { past }: AppDeps): void {
  const config = { scope: "read" } as const;
  app.get("/log", { schema: log, config }, async (request) => {
    const { end, ...page } = await past.readLog(request.query, request.key);
    if (end === undefined) return page;
    const { searchParams } = new URL(request.url, "http://any");
    const from = request.query.after === undefined ? "before" : "after";
    searchParams.set(from, String(end));
    return {
      ...page,
      next: `${app.publicPath}/log?${searchParams.toString()}`,
    };
  });
  app.get("/log/moment", { schema: moment, config }, ({ query, key }) =>
    past.momentOf(query, key),
  );
  app.get("/log/density", { schema: density, config }, ({ query }) =>
    past.densityOf(query.buckets),
  );
}
