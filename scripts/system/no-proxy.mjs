/**
 * Node sends everything through HTTP_PROXY once NODE_USE_ENV_PROXY is set, what goes to this machine too. From now on this
 * process reaches loopback directly; as `exceptLoopback` of services/inference, which an old Node can't load.
 * @param {string} [url] reached directly too if its host is an address of loopback other than 127.0.0.1
 */
export function neverProxyLoopback(url) {
  const before = process.env.no_proxy ?? process.env.NO_PROXY;
  if (before === "*") return;
  const host = url && URL.canParse(url) ? new URL(url).hostname : "";
  const names = ["localhost", ".localhost", "127.0.0.1", "[::1]"];
  if (host.startsWith("127.")) names.push(host);
  const value = [before, ...names].filter(Boolean).join(",");
  // Node looks at the variable for each call, at the one in small letters first.
  process.env.no_proxy = process.env.NO_PROXY = value;
}
