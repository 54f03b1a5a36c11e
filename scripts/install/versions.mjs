import { dim, say, yellow } from "./print.mjs";
import { root } from "./project.mjs";

/** The versions of the servers, and what old ones lack. */

/** @typedef {import("./servers.mjs").Server} Server */

/** @param {string} a @param {string} b */
export function compareVersions(a, b) {
  const [left = [], right = []] = [a, b].map((text) =>
    text.split(".").map((part) => parseInt(part)),
  );
  for (let i = 0; i < 3; i++)
    if (left[i] !== right[i]) return (left[i] ?? 0) - (right[i] ?? 0);
  return 0;
}

/**
 * What an old server lacks, in words; undefined for a current one.
 * @param {Pick<Server, "kind" | "version">} server
 */
export function missingFeatures({ kind, version }) {
  if (kind === "redis" || compareVersions(version, "2.11.0") >= 0)
    return undefined;
  const ttl = "no per-message expiry (2.11)";
  if (compareVersions(version, "2.10.0") >= 0) return ttl;
  return (
    "no sync_interval (2.10): events survive a crash of the server, but a crash of the machine can lose up to the " +
    `last 2 minutes; DURABILITY=machine is not possible; no stream compression and metadata (2.10); ${ttl}`
  );
}

/** @param {Server} server */
export function sayVersion(server) {
  const { kind, version, binary, image } = server;
  const from = image
    ? `Docker image ${image}`
    : binary?.replace(`${root}/`, "");
  say(`${kind}-server ${version} ${dim(`(${from})`)}`);
  const missing = missingFeatures(server);
  if (missing) say(yellow(`  this version has ${missing}`));
}
