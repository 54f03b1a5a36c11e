/** Pure: the text of a failure that lists show and a search looks into. Browsers load it, and no zod with it. */
import type { ListedTask, TaskFilter } from "./tasks.ts";

/** Lists have so many characters (code points) of an error's message. */
export const listedErrorChars = 256;

const firstChars = new RegExp(`^.{0,${listedErrorChars}}`, "su");

/** Behind these stand the words of a model server, or of a model's template: they may quote a prompt. */
const foreignWords =
  /(?<=it answered (?:\d{3}|with an error)|the model's chat template refuses these messages)\b.*/su;

/**
 * An error's message as lists have it: its beginning, on one line. Others than the task's owner may see lists, so the words
 * of a model server or of a model's template are left out.
 */
export const listedError = (message: string): string =>
  firstChars
    .exec(
      message
        .toWellFormed()
        .replace(/[\s\p{Cc}]+/gu, " ")
        .replace(foreignWords, ""),
    )?.[0]
    .trim() ?? "";

type Failure = Pick<ListedTask, "error_type" | "error_message">;

/** What a search looks into: `TimeoutError: too slow`. */
export const errorTextOf = ({ error_type, error_message }: Failure): string =>
  [error_type, error_message].filter((part) => part).join(": ");

/** Whether a task failed with a text that contains this; A to Z and a to z are the same. */
export const failedWith = (
  task: Pick<ListedTask, "status"> & Failure,
  part: string,
): boolean =>
  task.status === "failed" &&
  lowered(errorTextOf(task)).includes(lowered(part));

/** What a filter says of a task's state. */
export type StateFilter = Pick<TaskFilter, "status" | "error">;

/** Whether a task is in such a state. An error is looked for among failed tasks. */
export const stateMatches = (
  { status, error }: StateFilter,
  task: Pick<ListedTask, "status"> & Failure,
): boolean =>
  (status?.includes(task.status) ?? true) &&
  (error === undefined || failedWith(task, error));

/** As SQLite's LIKE compares. */
const lowered = (text: string): string =>
  text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
