/** The programs that the tests run as a person would. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { tail } from "../../scripts/install/run.mjs";

const execute = promisify(execFile);

/** What it printed; rejects with the end of its output where it fails. */
export async function shell(
  command: string,
  args: readonly string[],
  {
    env,
    timeoutMs = 600_000,
  }: { env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<string> {
  try {
    const options = { timeout: timeoutMs, maxBuffer: 2 ** 26 };
    const { stdout } = await execute(command, args, {
      ...options,
      env: { ...process.env, ...env },
    });
    return stdout.trimEnd();
  } catch (error) {
    const { stdout = "", stderr = "" } = error as Record<string, string>;
    // Without the error itself, which has all of the output in it once more.
    throw new Error(
      `${command} ${args.join(" ")} failed:\n${tail(`${stdout}${stderr}`)}`,
    );
  }
}

export const docker = (...args: string[]): Promise<string> =>
  shell("docker", args);

/** Of a container, by a template of `docker inspect`. */
export const inspect = (container: string, format: string): Promise<string> =>
  docker("inspect", "--format", format, container);
