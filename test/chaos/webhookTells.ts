import type { LoggedTask } from "./tasks.ts";

interface Wanted {
  url: string;
  /** The outcomes that are told; absent: all. */
  events?: readonly string[];
}

/** The webhook that a task's request names; undefined: none. */
export const webhookOf = ({ requests }: LoggedTask): Wanted | undefined =>
  requests[0]?.data["webhook"] as Wanted | undefined;

/** Whether it has ended in a way that its webhook is to be told. */
export function webhookTells(task: LoggedTask): boolean {
  const word = task.outcomes[0]?.word;
  const webhook = webhookOf(task);
  if (word === undefined || webhook === undefined) return false;
  return webhook.events?.includes(word) ?? true;
}
