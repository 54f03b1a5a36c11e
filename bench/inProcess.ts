/** Runs a file of this folder as the worker runs its engine: in a process of its own, with a thread pool of one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** Gives the file its job, with a folder for its data, as JSON; gives what it answers, one line of JSON. */
export async function inProcess<Job extends { dataDir: string }, Answer>(
  file: string,
  job: Omit<Job, "dataDir">,
): Promise<Answer> {
  const dataDir = mkdtempSync(join(tmpdir(), "jetscribe-engine-"));
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, file), JSON.stringify({ ...job, dataDir })],
    {
      // As the worker's engine runs; see forkEngine.ts.
      env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = once(child, "exit");
  const answer = await text(child.stdout);
  await ended;
  rmSync(dataDir, { recursive: true, force: true });
  if (answer === "") throw new Error("the engine's process ended");
  return JSON.parse(answer) as Answer;
}
