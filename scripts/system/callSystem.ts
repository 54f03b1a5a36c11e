import { ClientError, makeClient, type Client } from "@jetscribe/client";
import { exceptLoopback } from "@jetscribe/runtime/exceptLoopback";
import { printable, UserError } from "../install/print.mjs";
import { folders, withDotEnv } from "../install/project.mjs";
import { readRunning } from "./dataDir.ts";

/** Calls the REST interface, and gives the answer's body. Rejects with a UserError that says what was refused. */
export type Call = Client["call"];

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
  return makeCall(url, key);
}

function makeCall(url: string, apiKey: string): Call {
  const { call } = clientOf(url, apiKey);
  return <T>(...args: Parameters<Call>) =>
    call<T>(...args).catch((error: unknown) => {
      throw new UserError(
        error instanceof ClientError
          ? refusal(error)
          : `${url} doesn't answer (${causeOf(error)}): does it run? (npm start)`,
      );
    });
}

function clientOf(url: string, apiKey: string): Client {
  try {
    return makeClient({ url, apiKey });
  } catch {
    // What is thrown may have the key in it.
    throw new UserError("--url or --key: expected an address, or an API key");
  }
}

const refusal = ({ status, message }: ClientError): string =>
  printable(message) +
  (status === 401
    ? "\n  the key is not one of this system's API_KEYS: npm start prints it"
    : "");

/** fetch puts the reason into the cause of what it throws. */
function causeOf(error: unknown): string {
  const { cause = error } = error as Error;
  const { code, message } = cause as NodeJS.ErrnoException;
  return code ?? printable(message);
}
