import {
  probeServer,
  type Kind,
  type Server,
} from "../../../scripts/install/servers.mjs";

/** A server as the test run gives it: a program here, or the same program in an image. */
export interface GivenServer extends Server {
  inImage?: string;
}

/**
 * The server whose binary the test run names in this variable; or whose image, with its version, in the one that says
 * IMAGE for SERVER: `NATS_IMAGE=nats:2-alpine 2.10.27`.
 */
export async function fromEnvironment(
  kind: Kind,
  variable: string,
): Promise<GivenServer | undefined> {
  const image = process.env[variable.replace("SERVER", "IMAGE")];
  if (image) return serverInImage(kind, image);
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

function serverInImage(kind: Kind, given: string): GivenServer {
  const [inImage = "", version = ""] = given.split(" ");
  return { kind, version, binary: `${kind}-server`, inImage };
}
