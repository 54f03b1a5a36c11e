import { configExitCode, UserError } from "../install/print.mjs";
import type { Env } from "../install/project.mjs";
import { isFree } from "./freePort.ts";

/** Where the gateway listens, and the URL by which this machine reaches it. */
export async function readAddress(env: Env) {
  const host = env["HOST"] ?? "127.0.0.1";
  const port = Number(env["PORT"] ?? 8000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UserError(
      `PORT=${env["PORT"]}: expected a number from 1 to 65535`,
      configExitCode,
    );
  const free = await isFree(port, host).catch(
    (error: NodeJS.ErrnoException) => {
      throw new UserError(
        `HOST=${host}: expected an address of this machine, as 127.0.0.1, or 0.0.0.0 for all (${error.code})`,
        configExitCode,
      );
    },
  );
  if (!free)
    throw new UserError(
      `port ${port} is taken by another program (or may not be used by this user).\n` +
        `Start Jetscribe on another one: PORT=${port === 8000 ? 8001 : port + 1} npm start`,
    );
  const anywhere = { "0.0.0.0": "127.0.0.1", "::": "[::1]" }[host];
  const reachable = anywhere ?? (host.includes(":") ? `[${host}]` : host);
  return { host, port, url: `http://${reachable}:${port}` };
}
