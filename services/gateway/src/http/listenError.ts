import { ConfigError } from "@jetscribe/runtime";

/** A HOST that no restart helps as an error of the configuration; any other error as it is. */
export function listenError(error: unknown): unknown {
  const { code = "" } = error as { code?: string };
  // EAI_AGAIN is a name server that is away: that passes.
  if (!["EADDRNOTAVAIL", "ENOTFOUND", "EAFNOSUPPORT"].includes(code))
    return error;
  const message = `expected an address of this machine, as 127.0.0.1, or 0.0.0.0 for all (${code})`;
  return new ConfigError([{ name: "HOST", message }]);
}
