import "./install/require-node.mjs";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDashboard } from "./install/dashboard.mjs";
import { dim, fail, green, red, say, step } from "./install/print.mjs";
import { compileCache, root } from "./install/project.mjs";
import { readJson } from "./install/readJson.mjs";
import { run } from "./install/run.mjs";
import { findServer, natsVersions } from "./install/servers.mjs";
import { setUp } from "./install/setup.mjs";

/**
 * `npm test`: set-up, type check, lint and every test on real servers but the long ones. With arguments only tests run, the
 * long ones too: in files and folders whose paths contain one of them (`npm test -- packages/schema append.int`), and with
 * vitest's own options (`npm test -- packages/schema -t "a name"`). The last line is `N passed, N failed`; a failed check
 * counts as one.
 */

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** The tools that look at the whole source: name, and arguments. */
const checks = [
  ["tsc", "-p", "."],
  ["tsc", "-p", "packages/dashboard"],
  ["eslint", "."],
  ["prettier", "--check", "."],
];
/** For all of them, twice what they take on a busy machine: whatever hangs, the run ends. */
const runTimeoutMs = 60 * 60_000;

main().catch(fail);

async function main() {
  const args = process.argv.slice(2);
  const [{ node }, servers] = await Promise.all([setUp(), findServers()]);
  await buildDashboard(node);
  const env = {
    // Of the runner, and of every process that a test starts.
    NODE_COMPILE_CACHE: compileCache,
    ...process.env,
    ...servers,
    PATH: `${join(node, "..")}:${process.env.PATH}`,
  };
  const isRight = args.length > 0 ? [] : await runChecks(env);
  const tests = await runTests(node, [...projectsFor(args), ...args], env);
  const passed = tests.passed + isRight.filter((right) => right).length;
  const failed = tests.failed + isRight.filter((right) => !right).length;
  const skipped = tests.skipped > 0 ? `, ${tests.skipped} skipped` : "";
  say(`${passed} passed, ${failed} failed${skipped}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** Where the tests find the servers: the one to use, and the oldest and the newest nats-server for those that compare. */
async function findServers() {
  const versions = await natsVersions();
  const nats = await findServer("nats");
  const redis = await findServer("redis");
  const [oldest, newest] = [versions[0], versions.at(-1)];
  say(
    dim(
      `nats-server ${[...new Set([oldest?.version, newest?.version])].join(" and ")}, redis-server ${redis.version}`,
    ),
  );
  return {
    ...(oldest?.binary ? { NATS_SERVER_OLDEST: oldest.binary } : {}),
    ...(newest?.binary ? { NATS_SERVER_NEWEST: newest.binary } : {}),
    ...(nats.binary ? { NATS_SERVER: nats.binary } : {}),
    ...(redis.binary ? { REDIS_SERVER: redis.binary } : {}),
    ...(redis.libraryPath ? { REDIS_LD_LIBRARY_PATH: redis.libraryPath } : {}),
  };
}

/** Gives of each whether all is right. @param {Record<string, string | undefined>} env */
async function runChecks(env) {
  return await Promise.all(
    checks.map(async ([name = "", ...args]) => {
      const command = join(root, "node_modules/.bin", name);
      const { code, output } = await step(`${name} ${args.join(" ")}`, () =>
        run(command, args, { cwd: root, env }),
      );
      say(
        code === 0
          ? `${green("✔")} ${name}`
          : `${red("✖")} ${name}\n${output.trimEnd()}\n`,
      );
      return code === 0;
    }),
  );
}

/**
 * Those of vitest.config.ts that run: a path may be one of a long test; the containers need a Docker engine, and what
 * runs once more with FAST_PATHS=off is asked for by --project=plain.
 * @param {string[]} args
 */
function projectsFor(args) {
  if (args.some((arg) => arg.startsWith("--project"))) return [];
  const names = args.some((arg) => !arg.startsWith("-"));
  const left = names ? ["compose", "plain"] : ["compose", "plain", "long"];
  return left.map((name) => `--project=!${name}`);
}

/**
 * @param {string} node
 * @param {string[]} args
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<Counts>}
 */
async function runTests(node, args, env) {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-test-"));
  const countFile = join(dir, "count");
  const watches = args.includes("--watch");
  const command = [
    join(root, "node_modules/vitest/vitest.mjs"),
    ...(watches ? [] : ["--run"]),
    ...(process.stdout.isTTY ? [] : ["--no-color"]),
    "--reporter=default",
    `--reporter=${join(root, "scripts/test-count.mjs")}`,
    ...args,
  ];
  try {
    const code = await inForeground(
      node,
      command,
      { ...env, TEST_COUNT_FILE: countFile },
      watches ? undefined : runTimeoutMs,
    );
    /** @type {Counts} */
    const counts = readJson(countFile) ?? { passed: 0, failed: 1, skipped: 0 };
    // A runner that fails without a failed test (no file matched, say) is a failure all the same.
    return code !== 0 && counts.failed === 0
      ? { ...counts, failed: 1 }
      : counts;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string | undefined>} env
 * @param {number | undefined} limitMs without one it may be talked to, and runs until it is told to stop
 * @returns {Promise<number | null>}
 */
function inForeground(command, args, env, limitMs) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env,
      stdio: [
        limitMs === undefined ? "inherit" : "ignore",
        "inherit",
        "inherit",
      ],
    });
    const late = () => {
      say(
        red(`the tests did not end within ${Number(limitMs) / 60_000} minutes`),
      );
      child.kill("SIGTERM");
    };
    const deadline =
      limitMs === undefined ? undefined : setTimeout(late, limitMs);
    process.once("SIGTERM", () => child.kill("SIGTERM"));
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(deadline);
      resolve(code);
    });
  });
}
