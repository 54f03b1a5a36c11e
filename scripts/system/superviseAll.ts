import {
  configExitCode,
  oneLine,
  red,
  say,
  UserError,
} from "../install/print.mjs";
import { noteProcesses } from "./dataDir.ts";
import { lineFormat } from "./formatLine.ts";
import { makeRefusedClients } from "./refusedClients.ts";
import { serviceOf, serviceNames } from "./services.ts";
import { makeSupervised, type Program, type Supervised } from "./supervise.ts";

/** The processes of a running system, and what people see of them. `giveUp` is called when one can never run. */
export function superviseAll(
  programs: readonly Program[],
  dataDir: string,
  giveUp: (error: Error) => void,
): Supervised[] {
  const notes = noteProcesses(dataDir);
  return programs.map((program) => {
    const { name, container, env } = program;
    const format = lineFormat(env["LOG_FORMAT"]);
    const refusedClients = makeRefusedClients();
    const isService = serviceNames.some(
      (service) => service === serviceOf(name),
    );
    const child: Supervised = makeSupervised(program, {
      onStart: (pid) => notes.started(name, pid, container),
      onLine: (line) => {
        if (isService) return say(format(name, line));
        if (isRefusal(line))
          return sayRefused(refusedClients(line, Date.now()));
        if (isServerTrouble(line)) say(format(name, line));
      },
      onExit: ({ code, signal, restartInMs }) => {
        notes.ended(name);
        const lines = child.output().split("\n");
        if (code === configExitCode && isService) {
          // What it said besides log records is the list of what is wrong.
          const plain = lines.filter((line) => !line.startsWith("{"));
          giveUp(new UserError(plain.join("\n"), configExitCode));
        }
        if (restartInMs === undefined) return;
        // What a server said last explains its end, unless somebody else ended it.
        if (!isService && code !== null)
          for (const line of lines.slice(-5)) say(format(name, line));
        const how = signal
          ? `was killed by ${signal}`
          : `ended with code ${code}`;
        say(
          red(`${name} ${how}; starting it again in ${restartInMs / 1000} s`),
        );
      },
    });
    return child;
  });
}

/**
 * nats-server's errors; what it and Redis say otherwise is of no use to somebody who sees them run. That a client left while
 * it was let in is none of them.
 */
const isServerTrouble = (line: string) =>
  /\[(ERR|FTL)\]/.test(line) &&
  !/registering with account.*connection closed/.test(line);

function sayRefused(text: string | undefined): void {
  if (text !== undefined) say(red(oneLine(text)));
}

const isRefusal = (line: string) => /\[ERR\].*authentication error/.test(line);
