/** Pure: what is wrong with the system, and what somebody can do about it. */
import type { NowSnapshot } from "@jetscribe/schema";
import { bytes, count, plural } from "../format.ts";

export interface Alert {
  what: string;
  todo: string;
  /** A heading of docs/operations.md, as an anchor. */
  heading: string;
}

export type Watched = Pick<NowSnapshot, "health" | "workers" | "lost">;

/** Less room than either of these is too little on a disk. */
const leastShare = 0.05;
const leastBytes = 1_024 ** 3;

/** The worst first. */
export const alertsOf = (page: Watched): Alert[] => [
  ...serverAlerts(page.health),
  ...workerAlerts(page),
  ...readerAlerts(page.health),
  ...requestAlerts(page.health),
];

type Health = NowSnapshot["health"];

function serverAlerts({ nats, redis, stores_nothing, log_full }: Health) {
  const alerts: Alert[] = [];
  if (!nats)
    alerts.push({
      what: "The broker does not answer.",
      todo: "Look at nats-server and its disk: nothing is accepted until it does.",
      heading: "health",
    });
  if (stores_nothing)
    alerts.push({
      what: "The broker stores nothing.",
      todo: `${stores_nothing}. Free room on its disk.`,
      heading: "a-full-disk",
    });
  if (!redis)
    alerts.push({
      what: "Redis does not answer.",
      todo: "States are read from the log meanwhile, which is slower. Start Redis again: it is filled from the log.",
      heading: "health",
    });
  if (log_full)
    alerts.push({
      what: "The log is full.",
      todo: `${log_full}. Requests are refused until tasks end; EVENTS_MAX_BYTES makes it larger.`,
      heading: "limits",
    });
  return alerts;
}

function workerAlerts({ workers, lost }: Watched): Alert[] {
  const works = workers.some((one) => one.model_loaded && one.live !== false);
  const alerts: Alert[] = [];
  if (!works)
    alerts.push({
      what: "Nothing is generated.",
      todo:
        workers.length === 0
          ? "No worker is heard: start one. Tasks wait until then."
          : "No worker has its model loaded and writes tokens. The page Workers says why.",
      heading: "health",
    });
  if (lost.length > 0)
    alerts.push({
      what: `${plural(lost.length, "worker")} fell silent without a goodbye.`,
      todo: "Look at the machine and the last lines of each, and dismiss it on the page Workers. Other workers run its tasks.",
      heading: "lost-workers",
    });
  return alerts;
}

/** Of the services that read the log. */
const readerAlerts = ({ away = [], projections }: Health): Alert[] => [
  ...away.map((name) => ({
    what: `${name} is away.`,
    todo: "It was not heard for 6 s: look at its process and its last lines.",
    heading: "health",
  })),
  ...projections.flatMap(({ name, error, disk }) => [
    ...(error === undefined
      ? []
      : [
          {
            what: `${name} stands still.`,
            todo: `${error}. What it shows is old until that is mended.`,
            heading: "health",
          },
        ]),
    ...(disk && isLow(disk)
      ? [
          {
            what: `The disk of ${name} has ${bytes(disk.free)} left.`,
            todo: "Remove what is not needed there, or make it larger.",
            heading: "a-full-disk",
          },
        ]
      : []),
  ]),
];

export const isLow = ({ free, total }: { free: number; total: number }) =>
  free < leastBytes || free < leastShare * total;

function requestAlerts({ overdue, log_held, model_clashes = [] }: Health) {
  const alerts: Alert[] = [];
  if (overdue)
    alerts.push({
      what: `${count(overdue)} tasks are past their time.`,
      todo: "Nobody ended them: the results service should. Look at its last lines.",
      heading: "health",
    });
  if (log_held)
    alerts.push({
      what: `Half of the log is kept for ${log_held.by}.`,
      todo: "Start a worker for its model, or the reader; or cancel tasks that wait for their time.",
      heading: "limits",
    });
  for (const names of model_clashes)
    alerts.push({
      what: `The models ${names.join(" and ")} have one name in subjects.`,
      todo: "Requests for them are refused: set another MODEL_NAME.",
      heading: "health",
    });
  return alerts;
}
