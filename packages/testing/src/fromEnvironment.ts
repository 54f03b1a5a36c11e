import {
  probeServer,
  type Kind,
  type Server,
} from "../../../scripts/servers.mjs";

/** The server whose binary the test run names in this variable. */
export async function fromEnvironment(
  kind: Kind,
  variable: string,
): Promise<Server | undefined> {
  const binary = process.env[variable];
  if (!binary) return undefined;
  const libraryPath =
    kind === "redis" ? process.env.REDIS_LD_LIBRARY_PATH : undefined;
  const server = await probeServer({
    kind,
    binary,
    ...(libraryPath ? { libraryPath } : {}),
  });
  if (!server) throw new Error(`${variable}=${binary} does not run`);
  return server;
}
