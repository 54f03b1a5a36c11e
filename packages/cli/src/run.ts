/** The commands, and how the program ends. */
import { Command, Option } from "commander";
import type { Env } from "@jetscribe/runtime";
import { audit, type AuditOptions } from "./commands/audit.ts";
import { history, type HistoryOptions } from "./commands/history.ts";
import { replay, type ReplayOptions } from "./commands/replay.ts";
import { tail, type TailOptions } from "./commands/tail.ts";
import { state, type StateOptions } from "./commands/state.ts";
import type { Context } from "./context.ts";
import { addCredentialFlags, withCredentials } from "./credentialFlags.ts";
import { endingOf, exitCodes } from "./exit.ts";
import { addKeysCommand } from "./keysCommand.ts";
import {
  addFilters,
  addTaskFilters,
  fromOption,
  jsonOption,
} from "./options.ts";
import { addSubscribersCommand } from "./subscribersCommand.ts";
import { makeOutput } from "./show/output.ts";
import { makePaint } from "./show/paint.ts";
import own from "../package.json" with { type: "json" };

const description = `The log of a Jetscribe system: what happened, and what happens. And its API keys.

It reads the broker that NATS_URL names (nats://user:password@host:4222; NAMESPACE as the services have it).
On a broker with users, NATS_NKEY_FILE or NATS_CREDS_FILE names the file of one, or --nkey or --creds does.
In a clone of the repository, "npm run jetscribe -- …" finds the system that "npm start" runs there.`;

const footer = `
Times: 2026-11-29T14:32:05, 2026-11-29, 14:32 (today), 15m (ago), now, or seconds
since 1970.
Exit codes: 0 done, 1 failed, refused or no such task, 64 wrong use, 69 no broker,
no log or no gateway, 78 wrong settings, 130 Ctrl-C.`;

/** Runs a command line, and sets the exit code of the process. */
export async function run(args: readonly string[], env: Env): Promise<void> {
  const out = makeOutput(process.stdout, ({ message }) => {
    process.exitCode = exitCodes.failed;
    complain("red", `the output can't be written: ${message}`);
  });
  const stop = stopOnSignal();
  const context: Context = {
    env,
    out,
    paint: makePaint(process.stdout),
    say: (line) => {
      if (process.stderr.isTTY) process.stderr.write(`${line}\n`);
    },
    warn,
    signal: AbortSignal.any([stop.signal, out.closed]),
  };
  try {
    await makeProgram(context).parseAsync(args, { from: "user" });
  } catch (error) {
    if (out.closed.aborted) return; // Nobody reads on, which is no mistake, or it was said.
    if (stop.signal.aborted) process.exitCode = exitCodes.interrupted;
    else {
      const { code, line } = endingOf(error);
      process.exitCode = code;
      if (line !== undefined) complain("red", line);
    }
  } finally {
    stop[Symbol.dispose]();
  }
}

const warn = (line: string) => complain("yellow", line);

function complain(colour: "red" | "yellow", line: string): void {
  const sign = makePaint(process.stderr)(colour, "jetscribe:");
  process.stderr.write(`${sign} ${line}\n`);
}

/** Ctrl-C ends it cleanly, and at once when it comes again. */
function stopOnSignal() {
  const stopping = new AbortController();
  const onSignal = () => {
    if (stopping.signal.aborted) process.exit(exitCodes.interrupted);
    stopping.abort();
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: stopping.signal,
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

function makeProgram(context: Context): Command {
  const program = new Command("jetscribe")
    .description(description)
    .version(own.version)
    .addHelpText("after", footer)
    .showHelpAfterError("(jetscribe --help tells what there is)")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .hook("preAction", () => {
      context.env = withCredentials(context.env, program.opts());
    });
  addCredentialFlags(program);
  program
    .command("history <task>")
    .description(
      "Everything that happened to a task, and where its time went. It asks the task index of the results service, and searches the log where none answers.",
    )
    .option("--text", "with the prompt and the result")
    .addOption(jsonOption("one JSON object, texts included"))
    .action((task: string, options: HistoryOptions) =>
      history(task, options, context),
    );
  addFilters(
    program
      .command("tail")
      .description("Events as they are stored, until Ctrl-C.")
      .addOption(fromOption("begins with the events since then")),
  )
    .option("--text", "with prompts and results, as JSON lines have them")
    .option("--no-text", "without them, in JSON lines too")
    .addOption(jsonOption("JSON lines, as replay has them"))
    .action((options: TailOptions) => tail(options, context));
  addFilters(
    program
      .command("replay")
      .description(
        "Events as JSON lines or CSV, in the log's order, from the oldest to what stands in the log now. Each has its sequence: --after goes on behind it.",
      )
      .addOption(fromOption("stored at this time or later"))
      .option("--to <time>", "stored before this time")
      .option("--after <seq>", "behind this sequence"),
  )
    .addOption(
      new Option("--format <format>", "json: JSON lines; csv: rows with a head")
        .choices(["json", "csv"])
        .default("json"),
    )
    .option("--no-text", "without prompts and results")
    .addOption(jsonOption("the same as --format json").conflicts("format"))
    .action((options: ReplayOptions) => replay(options, context));
  program
    .command("audit")
    .description(
      "Who read the texts of tasks in the dashboard or as another owner, as JSON lines, oldest first.",
    )
    .option("--task <task>", "only the texts of this task")
    .option("--owner <name>", "only of tasks of this API key")
    .option("--key <id>", "only what this key read: its id, not the key")
    .option("--from <time>", "stored at this time or later")
    .option("--to <time>", "stored before this time")
    .addOption(jsonOption("JSON lines; it has no other form"))
    .action((options: AuditOptions) => audit(options, context));
  addTaskFilters(
    program
      .command("state")
      .description(
        "What was queued and what ran at a moment, and how many tasks had ended, by the events stored before it. It reads the log up to there.",
      )
      .option("--at <time>", "the moment", "now"),
  )
    .addOption(jsonOption("one JSON object, with all open tasks"))
    .action((options: StateOptions) => state(options, context));
  addKeysCommand(program, context);
  addSubscribersCommand(program, context);
  return program;
}
