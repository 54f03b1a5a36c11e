/**
 * A server's program in a container, for versions that this machine has no program of. It shares the machine's network
 * and the folder of its data, so that it is told, and is signalled, as one that runs here. Linux only.
 */
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Readable } from "node:stream";
import {
  removeContainer,
  type Program,
  type Supervised,
} from "../../../scripts/system/supervise.ts";

export type ServerProcess = Pick<
  Supervised,
  "name" | "send" | "stop" | "kill" | "gone" | "output" | "pid"
> & { start: () => void | Promise<void> };

/** What is used of the package `testcontainers`, which is no dependency: `npm run test:compose` brings it. */
interface Testcontainers {
  GenericContainer: new (image: string) => Builder;
  Wait: { forLogMessage: (message: RegExp) => unknown };
  getContainerRuntimeClient: () => Promise<{
    container: { getById: (id: string) => Handle };
  }>;
}
interface Builder {
  withName(name: string): this;
  withUser(user: string): this;
  withNetworkMode(mode: string): this;
  withEntrypoint(entrypoint: string[]): this;
  withCommand(command: string[]): this;
  withWorkingDir(dir: string): this;
  withBindMounts(mounts: { source: string; target: string }[]): this;
  withLogConsumer(read: (log: Readable) => void): this;
  withWaitStrategy(strategy: unknown): this;
  start(): Promise<{ getId: () => string }>;
}
interface Handle {
  inspect(): Promise<{ State: { Pid: number } }>;
  wait(): Promise<unknown>;
}

const keptLines = 200;

/** `program` as it would be run here, but in a container of this image. */
export function makeContainer(image: string, program: Program): ServerProcess {
  const name = `${program.name}-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const lines: string[] = [];
  let pid: number | undefined;
  let gone: Promise<void> = Promise.resolve();

  async function start(): Promise<void> {
    removeContainer(name);
    const { GenericContainer, Wait, getContainerRuntimeClient } = load();
    const { uid, gid } = { uid: process.getuid?.(), gid: process.getgid?.() };
    const started = await new GenericContainer(image)
      .withName(name)
      .withUser(`${uid}:${gid}`)
      .withNetworkMode("host")
      .withEntrypoint([program.command])
      .withCommand(program.args)
      .withWorkingDir(program.cwd)
      .withBindMounts([{ source: program.cwd, target: program.cwd }])
      .withLogConsumer(keep)
      // Whether it is ready is the caller's to find out.
      .withWaitStrategy(Wait.forLogMessage(/./))
      .start();
    const client = await getContainerRuntimeClient();
    const handle = client.container.getById(started.getId());
    const { State } = await handle.inspect();
    pid = State.Pid;
    gone = handle.wait().then(() => void (pid = undefined));
  }

  function keep(log: Readable): void {
    log.on("data", (line) => {
      lines.push(String(line).trimEnd());
      if (lines.length > keptLines) lines.shift();
    });
  }

  function send(signal: NodeJS.Signals): void {
    if (pid !== undefined) process.kill(pid, signal);
  }

  async function stop(deadlineMs: number): Promise<boolean> {
    send("SIGTERM");
    const late = AbortSignal.timeout(Math.max(1, deadlineMs));
    const ended = await Promise.race([
      gone.then(() => true),
      once(late, "abort").then(() => false),
    ]);
    removeContainer(name);
    await gone;
    return ended;
  }

  return {
    ...{ name: program.name, start, send, stop },
    kill: () => removeContainer(name),
    gone: () => gone,
    output: () => lines.join("\n"),
    get pid() {
      return pid;
    },
  };
}

function load(): Testcontainers {
  const folder = process.env["TESTCONTAINERS_FOLDER"];
  if (folder === undefined)
    throw new Error("containers are for `npm run test:compose`");
  const require = createRequire(join(folder, "package.json"));
  return require("testcontainers") as Testcontainers;
}
