import type { Problem } from "@jetscribe/schema";
import { exceptLoopback } from "@jetscribe/runtime/exceptLoopback";
import { printable, UserError } from "../install/print.mjs";
import { folders, withDotEnv } from "../install/project.mjs";
import { readRunning } from "./dataDir.ts";

/** Calls the REST interface, and gives the answer's body. Rejects with a UserError that says what was refused. */
export type Call = (
  method: string,
  path: string,
  body?: object,
) => Promise<unknown>;

/** Of the system that was named, or the one that runs here. Throws a UserError where there is none, or no key. */
export function findSystem(given: { url?: string; key?: string }): Call {
  const running = readRunning(folders(withDotEnv()).dataDir);
  const url = given.url ?? running?.url;
  if (!url)
    throw new UserError(
      "nothing runs here: start it with npm start, or name a system by --url and --key",
    );
  const key = given.key ?? (url === running?.url ? running.key : undefined);
  if (!key)
    throw new UserError(
      "which API key? Name it by --key (of the running system only its hash is known here)",
    );
  Object.assign(process.env, exceptLoopback(process.env, url));
  return makeCall(url.replace(/\/+$/, ""), key);
}

function makeCall(url: string, key: string): Call {
  return async (method, path, body) => {
    const headers = { "X-API-Key": key, "Content-Type": "application/json" };
    const response = await fetch(url + path, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    }).catch((error: Error) => {
      const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
      throw new UserError(
        `${url} doesn't answer (${code ?? message}): does it run? (npm start)`,
      );
    });
    const answer: unknown = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new UserError(
      describeProblem(response.status, answer as Partial<Problem>),
    );
  };
}

/** RFC 9457 problem details as lines. */
function describeProblem(
  status: number,
  { title = "error", detail, errors = [] }: Partial<Problem>,
): string {
  const head = `${status} ${title}`;
  const lines = [
    detail ? `${head}: ${detail}` : head,
    ...errors.map(({ field, message }) => `  ${field}: ${message}`),
  ];
  if (status === 401)
    lines.push(
      "  the key is not one of this system's API_KEYS: npm start prints it",
    );
  return printable(lines.join("\n"));
}
