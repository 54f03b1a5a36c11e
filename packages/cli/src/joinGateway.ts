/** The gateway that the environment names, as a client of its administrator. */
import { ClientError, makeClient, type Client } from "@jetscribe/client";
import { readConfig } from "@jetscribe/runtime";
import * as z from "zod";
import type { Context } from "./context.ts";
import { CliError, exitCodes, failed } from "./exit.ts";
import { plain } from "./show/paint.ts";

const GatewaySettings = z.object({
  JETSCRIBE_URL: z.url({
    protocol: /^https?$/,
    error: "expected the gateway's address, as http://127.0.0.1:8000",
  }),
  JETSCRIBE_KEY: z
    .string()
    .trim()
    .regex(/^[\x20-\x7e]+$/, "expected an API key"),
});

export type CallGateway = Client["call"];

/** Each call rejects with a CliError that says what was refused, or that nobody answers. Throws a ConfigError. */
export function joinGateway({ env, signal }: Context): CallGateway {
  const settings = readConfig(GatewaySettings, env);
  const { JETSCRIBE_URL: url, JETSCRIBE_KEY: apiKey } = settings;
  const { call } = makeClient({ url, apiKey });
  return (method, path, options) =>
    call<never>(method, path, { ...options, signal }).catch(
      (cause: unknown) => {
        signal.throwIfAborted();
        throw cause instanceof ClientError ? refused(cause) : silent(cause);
      },
    );
}

function refused(cause: ClientError): CliError {
  const hint =
    cause.status === 401 ? "; JETSCRIBE_KEY is no key of this system" : "";
  return failed(plain(cause.message) + hint, cause);
}

/** fetch puts the reason into the cause of what it throws. */
function silent(error: unknown): CliError {
  const { cause = error } = error as Error;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new CliError(
    `the gateway doesn't answer (${code ?? plain(message)}): see JETSCRIBE_URL`,
    ...([exitCodes.unavailable, { cause: error }] as const),
  );
}
