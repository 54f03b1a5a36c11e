/** What is known of single versions of nats-server. */

/** `2.9.10` as numbers; what is missing counts as 0. */
const partsOf = (version: string): [number, number, number] => {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(parseFloat);
  return [major, minor, patch];
};

/** From 2.10 on a consumer has several filters, a stream's republish can be changed, and `sync_interval` can be set. */
export function isFrom210(version: string): boolean {
  const [major, minor] = partsOf(version);
  return major > 2 || (major === 2 && minor >= 10);
}

/**
 * Why the version can't be used; undefined: it can. nats-server 2.9.12 to 2.9.14 forget at each purge of a stream all
 * deliveries that are not acknowledged yet: tasks that run then would never be delivered again.
 */
export function whyUnusable(version: string): string | undefined {
  const [major, minor, patch] = partsOf(version);
  if (major !== 2 || minor !== 9 || patch < 12 || patch > 14) return undefined;
  return `nats-server ${version} can't be used: 2.9.12 to 2.9.14 forget running tasks when old events are purged; take 2.9.15 or later, or 2.9.11 or earlier`;
}
