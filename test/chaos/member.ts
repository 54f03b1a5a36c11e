/** One process of a service. */
import { endWithUs, ended } from "../../packages/testing/src/leftovers.ts";
import {
  serviceProgram,
  type ServiceName,
} from "../../scripts/system/services.ts";
import {
  makeSupervised,
  type Supervised,
} from "../../scripts/system/supervise.ts";
import { readFileSync } from "node:fs";

/** What a service said on its standard output. */
export interface Said {
  /** `inference-1` */
  member: string;
  service: string;
  /** ms since the epoch. */
  time: number;
  /** pino's number. */
  level: number;
  msg: string;
  /** All of it. */
  line: string;
}

export interface Member {
  /** `inference-1` */
  readonly name: string;
  readonly service: ServiceName;
  readonly supervised: Supervised;
  readonly pid: number | undefined;
  /** What the worker that runs now, or ran last, calls itself. */
  readonly workerId: string | undefined;
  /** All its records. */
  readonly said: readonly Said[];
  /** The engine's process. */
  enginePid(): number | undefined;
  start(): void;
  /** SIGKILL to the process alone, as a crash would: its children have to notice. */
  crash(): Promise<void>;
  /** SIGTERM, and time to drain. */
  stop(): Promise<void>;
  /** Puts its clock an hour ahead, or back. */
  stepClock(): void;
  freeze(): void;
  thaw(): void;
  /** For good: stopped in time, or killed. */
  end(): void;
}

const drainMs = 15_000;

export function startMember(
  service: ServiceName,
  number: number,
  env: Record<string, string | undefined>,
  onOwnEnd: (member: Member, how: string) => void,
): Member {
  let workerId: string | undefined;
  let ending = false;
  const said: Said[] = [];
  const program = serviceProgram(service, process.execPath, env);
  const supervised = makeSupervised(program, {
    restarts: false,
    onLine(line) {
      const joined = line.includes('"worker joined"');
      if (joined) workerId = /"worker_id":"([^"]+)"/.exec(line)?.[1];
      const record = recordOf(line);
      if (record) said.push({ ...record, member: member.name });
    },
    onExit({ code, signal }) {
      if (!ending) onOwnEnd(member, signal ?? `exit code ${code}`);
    },
  });
  const signal = (pid: number | undefined, name: NodeJS.Signals) => {
    if (pid !== undefined) process.kill(pid, name);
  };
  const member: Member = {
    name: `${service}-${number}`,
    service,
    supervised,
    get pid() {
      return supervised.pid;
    },
    get workerId() {
      return workerId;
    },
    said,
    enginePid: () => childOf(supervised.pid),
    start() {
      ending = false;
      supervised.start();
    },
    async crash() {
      ending = true;
      signal(supervised.pid, "SIGKILL");
      await supervised.gone();
    },
    async stop() {
      ending = true;
      await supervised.stop(drainMs);
    },
    stepClock: () => signal(supervised.pid, "SIGUSR2"),
    freeze: () => signal(supervised.pid, "SIGSTOP"),
    thaw: () => signal(supervised.pid, "SIGCONT"),
    end() {
      ending = true;
      ended(supervised);
    },
  };
  endWithUs(supervised);
  supervised.start();
  return member;
}

function recordOf(line: string): Omit<Said, "member"> | undefined {
  try {
    const { service, time, level, msg } = JSON.parse(line) as Said;
    return { service, time, level, msg, line };
  } catch {
    return undefined; // Something that it let through.
  }
}

function childOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return Number(children.trim().split(" ")[0]) || undefined;
  } catch {
    return undefined; // It has just ended.
  }
}
