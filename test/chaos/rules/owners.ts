/** A task is its owner's: it is what the owner asked for, and nobody else sees or ends it. */
import type { Evidence } from "../evidence.ts";
import type { Told } from "../told.ts";
import type { LoggedTask } from "../tasks.ts";

export const checkOwners = (
  { told }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] =>
  told.flatMap((one) => {
    const request = tasks.get(one.taskId ?? "")?.requests[0];
    return [
      ...checkStrangers(one),
      ...(request === undefined ? [] : checkRequest(one, request.data)),
    ];
  });

/** For them there is no such task; 0 and 503 say nothing. */
const checkStrangers = ({ taskId, strangers = [] }: Told): string[] =>
  strangers.flatMap(({ path, answer: { status } }) =>
    [0, 404, 503].includes(status)
      ? []
      : [`${taskId}: /${path} answered another owner ${status}`],
  );

function checkRequest(
  { taskId, owner = "default", body, retryOf }: Told,
  data: Record<string, unknown>,
): string[] {
  const expected: Record<string, unknown> = {
    owner,
    model: body["model"] ?? "demo",
    lane: body["lane"] ?? "interactive",
    prompt: body["prompt"],
    retry_of: retryOf,
  };
  return Object.entries(expected).flatMap(([name, value]) =>
    data[name] === value
      ? []
      : [`${taskId}: asked for with another ${name} than it has in the log`],
  );
}
