/** Loopback as NO_PROXY names it. */
const loopback = ["localhost", ".localhost", "127.0.0.1", "[::1]"];

/**
 * The environment with NO_PROXY for this machine, which no proxy reaches: Node sends all calls through HTTP_PROXY once
 * NODE_USE_ENV_PROXY is set. `url` is reached directly too if it names another address of loopback.
 */
export function exceptLoopback(
  env: NodeJS.ProcessEnv,
  url?: string,
): NodeJS.ProcessEnv {
  const before = env["no_proxy"] ?? env["NO_PROXY"];
  if (before === "*") return env;
  const { hostname = "" } = url === undefined ? {} : (URL.parse(url) ?? {});
  const names = hostname.startsWith("127.")
    ? [...loopback, hostname]
    : loopback;
  const value = [before, ...names].filter(Boolean).join(",");
  // Node reads the one in small letters first.
  return { ...env, no_proxy: value, NO_PROXY: value };
}
