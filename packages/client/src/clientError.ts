import type { Problem } from "@jetscribe/schema";

/** The server's refusal of a call, or a proxy's. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  /** Of the HTTP answer. */
  readonly status: number;
  /** What the server says of it (RFC 9457); undefined: the answer was none of the server's. */
  readonly problem: Problem | undefined;
  constructor(status: number, problem: Problem | undefined) {
    super(
      problem === undefined
        ? `the call was answered with ${status}`
        : describe(status, problem),
    );
    this.status = status;
    this.problem = problem;
  }
}

/** In one line: each invalid field too. */
function describe(
  status: number,
  { title, detail, errors = [] }: Problem,
): string {
  const head = `${status} ${title}${detail ? `: ${detail}` : ""}`;
  const fields = errors.map(({ field, message }) => `${field}: ${message}`);
  return fields.length > 0 ? `${head} (${fields.join("; ")})` : head;
}

/** Reads an answer to its end. Undefined where it is no problem details. */
export async function problemOf(
  response: Response,
): Promise<Problem | undefined> {
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("application/problem+json")) return undefined;
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return undefined;
  }
}
