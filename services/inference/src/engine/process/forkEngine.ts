/** One process with an engine in it: messages in, messages out, and its end. */
import { fork } from "node:child_process";
import { createInterface } from "node:readline";
import { startOn } from "./engineCpus.ts";
import { makeOutbox, type FromChild, type ToChild } from "./engineMessages.ts";

export type EngineFork = ReturnType<typeof forkEngine>;

export interface EngineEnd {
  /** `SIGKILL`, `exit code 1` … */
  how: string;
  signal: NodeJS.Signals | undefined;
  /** The last lines of stderr. */
  stderrTail: string;
}

const childFile = new URL("./engineChild.ts", import.meta.url);
const tailLines = 20;

/** Starts the process. `env` is its environment, but for the size of its thread pool; `cpus`: its cores, if not all. */
export function forkEngine(
  env: NodeJS.ProcessEnv,
  handlers: {
    onMessages: (messages: FromChild[]) => void;
    onStderr: (line: string) => void;
  },
  cpus?: string,
) {
  const child = fork(childFile, {
    // The library samples the slots of a batch in the pool at once, and llama.cpp's logits are no safe place for two
    // threads: with four of them, more than half of the texts of a full batch came out wrong (node-llama-cpp 3.21.1).
    env: { ...env, UV_THREADPOOL_SIZE: "1" },
    // Without the parent's options: a debugger's port can't be had twice.
    ...startOn(cpus),
    serialization: "json",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const { promise: ended, resolve } = Promise.withResolvers<EngineEnd>();
  let tail: string[] = [];
  const end = (how: string, signal?: NodeJS.Signals) =>
    resolve({ how, signal, stderrTail: tail.join("\n") });

  child.on("message", handlers.onMessages);
  if (child.stderr !== null)
    createInterface({ input: child.stderr }).on("line", (line) => {
      tail = [...tail, line].slice(-tailLines);
      handlers.onStderr(line);
    });
  // Not `exit`: the last lines of stderr come after it.
  child.once("close", (code, signal) =>
    end(signal ?? `exit code ${code}`, signal ?? undefined),
  );
  child.on("error", (error) => {
    // Where it could not be started at all, nothing else may follow.
    if (child.pid === undefined) end(error.message);
  });
  return {
    pid: child.pid,
    post: makeOutbox<ToChild>((messages) => {
      // A child that is gone is told apart by its end.
      child.send(messages, () => undefined);
    }),
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    /** Resolves when it has ended and everything that it wrote has been read. */
    ended,
  };
}
