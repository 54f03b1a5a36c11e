/** The bodies of events as JSON objects, whatever version they are of. */
import type { LogMessage } from "@jetscribe/event-log/codec/codec";
import { textFields } from "@jetscribe/schema";

export type Body = Readonly<Record<string, unknown>>;

export const textOf = ({ data }: Pick<LogMessage, "data">): string =>
  Buffer.from(data.buffer, data.byteOffset, data.length).toString();

/** Undefined of a text that is no JSON object. */
export function parseBody(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export const isObject = (value: unknown): value is Body =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** No texts, and yet no business of whoever gets none: what the engine said at its end, which may repeat them, and an address that may hold a secret. */
const besideTexts = ["stderr_tail", "webhook"];

/** Without what people or a model wrote, and what may repeat it or hold a secret. */
export function withoutTexts(body: Body): Body {
  const shown: Record<string, unknown> = { ...body };
  for (const name of [...textFields, ...besideTexts]) delete shown[name];
  if (!isObject(body["error"])) return shown;
  const { traceback: _, ...error } = body["error"];
  return { ...shown, error };
}
