import { chownSync, statSync } from "node:fs";

/**
 * The logger in a container: the log files belong to the user whose checkout this is. A container can't be started as
 * somebody who is known only by the owner of a file, so it comes with the right to change users, uses it once and has
 * no right left. A checkout of root's is served as user 1000: nothing here runs as root.
 */

// The first process of a container gets no signal that it has no handler for; this one is for the time until the
// service has its own.
process.on("SIGTERM", () => {
  if (process.listenerCount("SIGTERM") === 1) process.exit();
});

const NOBODY_SPECIAL = { uid: 1000, gid: 1000 };

if (process.getuid?.() === 0) {
  const owner = statSync(process.env.OWNER_OF ?? import.meta.filename);
  const { uid, gid } = owner.uid === 0 ? NOBODY_SPECIAL : owner;
  // Docker makes a missing folder as root.
  chownSync(process.env.LOG_DIR ?? "/logs", uid, gid);
  process.setgroups([]);
  process.setgid(gid);
  process.setuid(uid);
}
await import("../services/logger/src/main.ts");
