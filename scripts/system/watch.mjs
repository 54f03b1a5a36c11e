import { noteProcesses } from "./data-dir.mjs";
import { formatLine } from "./format-line.mjs";
import { red, say } from "../install/print.mjs";
import { UserError } from "../install/project.mjs";
import { CONFIG_EXIT_CODE, serviceOf, SERVICES } from "./services.mjs";
import { makeSupervised } from "./supervise.mjs";

/** The processes of a running system, and what people see of them. */

/** @typedef {import("./supervise.mjs").Program} Program */
/** @typedef {import("./supervise.mjs").Supervised} Supervised */

/**
 * @param {Program[]} programs
 * @param {string} dataDir
 * @param {(error: Error) => void} giveUp when one can never run
 * @returns {Supervised[]}
 */
export function superviseAll(programs, dataDir, giveUp) {
  const notes = noteProcesses(dataDir);
  return programs.map((program) => {
    const { name, container } = program;
    const isService = SERVICES.some((service) => service === serviceOf(name));
    const one = makeSupervised(program, {
      onStart: (pid) => notes.started(name, pid, container),
      onLine: (line) => {
        if (isService) say(formatLine(name, line));
        else if (isServerTrouble(line)) say(formatLine(name, line));
      },
      onExit: ({ code, signal, restartInMs }) => {
        notes.ended(name);
        if (code === CONFIG_EXIT_CODE && isService)
          giveUp(new UserError(plainLines(one), CONFIG_EXIT_CODE));
        if (restartInMs === undefined) return;
        // What a server said last explains its end, unless somebody else ended it.
        if (!isService && code !== null) say(lastLines(one));
        const how = signal
          ? `was killed by ${signal}`
          : `ended with code ${code}`;
        say(
          red(`${name} ${how}; starting it again in ${restartInMs / 1000} s`),
        );
      },
    });
    return one;
  });
}

/** What it said besides log records: the list of what is wrong. @param {Supervised} one */
function plainLines(one) {
  const lines = one.output().split("\n");
  return lines.filter((line) => !line.startsWith("{")).join("\n");
}

/** @param {Supervised} one */
function lastLines(one) {
  const lines = one.output().split("\n").slice(-5);
  return lines.map((line) => formatLine(one.name, line)).join("\n");
}

/** nats-server's errors; what it and Redis say otherwise is of no use to somebody who sees them run. @param {string} line */
function isServerTrouble(line) {
  return /\[(ERR|FTL)\]/.test(line);
}
