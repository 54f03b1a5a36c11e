/**
 * Extension attributes of CloudEvents, by which a reader that is sent no bodies can list and count tasks: the labels of a
 * request (user_id and metadata) and its not_before with how long that is ahead, the type of an error and the beginning of
 * its message, the metrics of an outcome, the trace of the call that made the task, and that an outcome has a webhook.
 */
import {
  ErrorType,
  isTraceparent,
  listedError,
  listedErrorChars,
  waitsFrom,
  kinds,
  type GenerateFailed,
  type GenerateRequested,
  type Metrics,
  type OutcomeEvent,
  type TaskState,
} from "@jetscribe/schema";
import * as z from "zod";
import { parseJson } from "./parseJson.ts";

export type Labels = Pick<
  GenerateRequested,
  "user_id" | "metadata" | "not_before"
>;

const userId = "ce-userid";
const metadataPairs = "ce-metadata";
const notBefore = "ce-notbefore";
const scheduledTime = "ce-scheduledtime";
const errorType = "ce-errortype";
const errorMessage = "ce-errormessage";
const metrics = "ce-metrics";
/** CloudEvents' extension for distributed tracing: the origin, where the header `traceparent` is the last hop. */
const origin = "ce-traceparent";

/** Of an outcome that a webhook tells of: the sequence of the request, which says where it goes. */
const webhook = "ce-webhook";

export interface Headers {
  /** The value of a header; "" where there is none. */
  header: (name: string) => string;
}

/** Each is `name: value` with a line end behind it; "" of a request without labels. */
export function labelLines(request: GenerateRequested): string {
  const { user_id, metadata, not_before } = request;
  let lines = "";
  if (user_id !== undefined)
    lines += `${userId}: ${percentEncode(user_id)}\r\n`;
  if (metadata !== undefined)
    lines += `${metadataPairs}: ${percentEncode(JSON.stringify(metadata))}\r\n`;
  if (not_before !== undefined)
    lines +=
      `${notBefore}: ${not_before}\r\n` +
      `${scheduledTime}: ${waitsFrom(request) - request.enqueue_time}\r\n`;
  return lines;
}

/** The labels in a request's headers. One that is none, as of a foreign writer, is left out. */
export function labelsOf({ header }: Headers): Labels | undefined {
  const user_id = percentDecode(header(userId));
  const pairs = header(metadataPairs);
  const time = header(notBefore);
  if (user_id === "" && pairs === "" && time === "") return undefined;
  const metadata = Metadata.safeParse(parseJson(percentDecode(pairs))).data;
  const not_before = time === "" ? NaN : Number(time);
  return {
    ...(user_id && { user_id }),
    ...(metadata && { metadata }),
    ...(Number.isFinite(not_before) && { not_before }),
  };
}

/** How long a request's not_before was ahead when it was accepted, in seconds; undefined: it has none, or it is of an earlier version. */
export function scheduledTimeOf({ header }: Headers): number | undefined {
  const seconds = Number(header(scheduledTime) || NaN);
  return seconds >= 0 && seconds < Infinity ? seconds : undefined;
}

const Metadata = z.record(z.string(), z.string());

/** "" where the call named no trace. A foreign writer's text that is none is left out. */
export const originLine = ({
  traceparent = "",
}: Pick<GenerateRequested, "traceparent">): string =>
  isTraceparent(traceparent) ? `${origin}: ${traceparent}\r\n` : "";

/** "" of an outcome that no webhook tells of. */
export const webhookLine = (
  type: OutcomeEvent["type"],
  { seq, webhook: told = [] }: Pick<TaskState, "seq" | "webhook">,
): string => (told.includes(kinds[type].word) ? `${webhook}: ${seq}\r\n` : "");

/** The sequence of the request of an outcome that a webhook tells of; undefined: none does. */
export function webhookOf({ header }: Headers): number | undefined {
  const seq = Number(header(webhook) || NaN);
  return Number.isSafeInteger(seq) && seq > 0 ? seq : undefined;
}

/**
 * What the message may take in its header, in bytes: a header is no longer for any script than the longest of ASCII, and
 * fits what the log keeps for an outcome beside its text.
 */
export const errorMessageBytes = 3 * listedErrorChars;

export function errorLines({ type, message }: GenerateFailed["error"]): string {
  const listed = encodedWithin(errorMessageBytes, listedError(message));
  return (
    `${errorType}: ${type}\r\n` +
    (listed === "" ? "" : `${errorMessage}: ${listed}\r\n`)
  );
}

/** The type of a failed task's error; undefined where the event doesn't say it in its headers. */
export function errorTypeOf({ header }: Headers): ErrorType | undefined {
  const type = header(errorType);
  return type === "" ? undefined : ErrorType.safeParse(type).data;
}

/** The beginning of a failed task's message, as lists have it; "" where the event doesn't say it in its headers. */
export const errorMessageOf = ({ header }: Headers): string =>
  listedError(percentDecode(header(errorMessage)));

/** What an outcome says of its task's times (in seconds) and tokens. */
export type OutcomeMetrics = Pick<
  Metrics,
  | "queue_wait_time"
  | "processing_time"
  | "prompt_tokens"
  | "completion_tokens"
  | "time_to_first_token"
>;

/** Numbers with commas: the wait, the processing time, the tokens of prompt and text, and the time to the first token if there was one. */
export function metricsLine(of: OutcomeMetrics): string {
  const first = of.time_to_first_token;
  return (
    `${metrics}: ${of.queue_wait_time},${of.processing_time},${of.prompt_tokens},${of.completion_tokens}` +
    `${first === undefined ? "" : `,${first}`}\r\n`
  );
}

/** The metrics in an outcome's headers; undefined where they are not there, as of events of earlier versions. */
export function metricsOf({ header }: Headers): OutcomeMetrics | undefined {
  const text = header(metrics);
  if (text === "") return undefined;
  const numbers = text.split(",").map(Number);
  const [wait, processing, promptTokens, completionTokens, first] = numbers;
  const isWhole =
    numbers.length >= 4 && numbers.every((n) => n >= 0 && n < Infinity);
  if (!isWhole) return undefined;
  return {
    queue_wait_time: wait ?? 0,
    processing_time: processing ?? 0,
    prompt_tokens: promptTokens ?? 0,
    completion_tokens: completionTokens ?? 0,
    ...(first !== undefined && { time_to_first_token: first }),
  };
}

/** What CloudEvents' binding for NATS wants in a header: all but printable ASCII, and of that the space, " and %. */
const percentEncode = (text: string): string =>
  text.replace(/[^\x21-\x7e]|["%]/gu, encodeURIComponent);

/** The beginning of the text that takes so many bytes at most; whole characters. */
function encodedWithin(bytes: number, text: string): string {
  let encoded = "";
  for (const character of text) {
    const next = percentEncode(character);
    if (encoded.length + next.length > bytes) break;
    encoded += next;
  }
  return encoded;
}

/** "" of what is not encoded so. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
