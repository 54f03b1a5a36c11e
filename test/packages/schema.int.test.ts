/** `@jetscribe/schema` as others get it: packed, and installed from its tarball in a folder that knows nothing of ours. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  cp,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";
import { pnpmVersion } from "../../scripts/install/setup.mjs";
import { root } from "../docs/documents.ts";

const sources = join(root, "packages/schema");
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const zod = dirname(
  createRequire(join(sources, "package.json")).resolve("zod/package.json"),
);

/** Folds a task out of messages, as a subscriber's program does. */
const consumer = `
import { parseEvent, subjects, streams, GenerateCompleted, type EventMessage, type TaskState } from "@jetscribe/schema";
import { evolve } from "@jetscribe/schema/evolve";

export function fold(messages: readonly EventMessage[]): TaskState | undefined {
  let state: TaskState | undefined;
  for (const message of messages) {
    const parsed = parseEvent(message);
    if ("garbage" in parsed) continue;
    const { event, queue } = parsed;
    if (event.type === "GenerateCompleted") {
      const text: string = event.data.result;
      const lane: "interactive" | "batch" = queue.lane;
      console.log(text.length, lane, event.seq);
      // @ts-expect-error: there is no such field
      console.log(event.data.prompt);
    }
    state = evolve(state, event);
  }
  return state;
}
const stream: "EVENTS" | string = streams.events;
console.log(stream, subjects.allEvents, GenerateCompleted.shape);
`;

describe("the packed schema", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "jetscribe-package-"));
    await run("npx", ["-y", pnpmVersion, "pack", "--pack-destination", folder], sources); // prettier-ignore
    const [tarball] = (await readdir(folder)).filter((name) => name.endsWith(".tgz")); // prettier-ignore
    assert.ok(tarball);
    // Its one dependency comes from this workspace: no registry is asked.
    await cp(zod, join(folder, "zod"), { recursive: true, dereference: true });
    const dependencies = {
      "@jetscribe/schema": `file:${tarball}`,
      zod: "file:zod",
    };
    await write("package.json", { type: "module", dependencies });
    await run("npm", ["install", "--offline", "--install-links", "--ignore-scripts", "--no-audit", "--no-fund"]); // prettier-ignore
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const write = (name: string, content: object | string) =>
    writeFile(
      join(folder, name),
      typeof content === "string" ? content : JSON.stringify(content),
    );

  /** What it prints. Rejects where it ends with another code than 0. */
  async function run(program: string, args: string[], cwd = folder) {
    const PATH = [dirname(process.execPath), process.env["PATH"]].join(delimiter); // prettier-ignore
    const env = { ...process.env, PATH };
    const options = { cwd, env, timeout: 120_000 };
    return promisify(execFile)(program, args, options).then(
      ({ stdout }) => stdout,
      (error: { stdout: string; stderr: string }) =>
        assert.fail(`${program}: ${error.stdout}${error.stderr}`),
    );
  }

  const evaluate = async (code: string): Promise<unknown> =>
    JSON.parse(
      await run(process.execPath, ["--input-type=module", "--eval", code]),
    );

  test("has JavaScript, declarations, JSON Schemas and a README, and neither sources nor tests", async () => {
    const packed = join(folder, "node_modules/@jetscribe/schema");
    assert.deepEqual((await readdir(packed)).sort(), [
      ...["LICENSE", "README.md", "asyncapi.json", "dist"],
      ...["json-schemas", "package.json"],
    ]);
    const files = await readdir(join(packed, "dist"), { recursive: true });
    assert.deepEqual(
      files.filter((name) => /\.test\.|TestKit|(?<!\.d)\.ts$/.test(name)),
      [],
    );
    const { dependencies } = JSON.parse(
      await readFile(join(packed, "package.json"), "utf8"),
    ) as { dependencies: object };
    assert.deepEqual(Object.keys(dependencies), ["zod"]);
  });

  test("parses and folds events under plain Node", async () => {
    const sample = "GenerateRequested.minimal.json";
    const body = await readFile(join(sources, "fixtures/events/v1", sample), "utf8"); // prettier-ignore
    const answer = await evaluate(`
      import { parseEvent, eventSubject, queueOf } from "@jetscribe/schema";
      import { evolve } from "@jetscribe/schema/evolve";
      const body = ${JSON.stringify(body)};
      const subject = eventSubject("GenerateRequested", queueOf(JSON.parse(body)));
      const { event } = parseEvent({ subject, seq: 1, time: 2, body });
      console.log(JSON.stringify([event.type, evolve(undefined, event).status]));
    `);
    assert.deepEqual(answer, ["GenerateRequested", "queued"]);
  });

  test("hands out the JSON Schema of each event", async () => {
    const id = await evaluate(`
      import schema from "@jetscribe/schema/json-schemas/v1/GenerateFailed.json" with { type: "json" };
      console.log(JSON.stringify(schema.$id));
    `);
    assert.equal(id, "urn:jetscribe:event:GenerateFailed:v1");
  });

  test("type-checks in a strict program that checks its libraries too", async () => {
    await write("consumer.ts", consumer);
    for (const of of [
      { module: "nodenext", skipLibCheck: false },
      { module: "esnext", moduleResolution: "bundler", skipLibCheck: true },
    ]) {
      const compilerOptions = {
        ...{ strict: true, noEmit: true, types: [] },
        ...{ target: "es2022", lib: ["es2022", "dom"], ...of },
        exactOptionalPropertyTypes: true,
      };
      await write("tsconfig.json", { compilerOptions, files: ["consumer.ts"] });
      await run(process.execPath, [tsc, "-p", "."]);
    }
  });

  test("folds events without zod, which browsers need not load", async () => {
    await rm(join(folder, "node_modules/zod"), { recursive: true });
    assert.equal(
      await evaluate(`
        import { evolve, isOutcome } from "@jetscribe/schema/evolve";
        const whole = await import("@jetscribe/schema").then(() => "loaded", ({ code }) => code);
        console.log(JSON.stringify([typeof evolve, typeof isOutcome, whole].join()));
      `),
      "function,function,ERR_MODULE_NOT_FOUND",
    );
  });
});
