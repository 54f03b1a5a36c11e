/** What `/openapi.json` says: by the rules of a linter that others use, and by rules of our own. */
import { execFile } from "node:child_process";
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, test } from "vitest";
import { surfaceOf, type Described } from "../../test/apiSurface.ts";
import { startApp } from "../../test/appTestKit.ts";
import { tags } from "./openapi.ts";

interface Operation {
  operationId?: string;
  tags?: string[];
  summary?: string;
  description?: string;
  security?: object[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media> }>;
}
interface Media {
  example?: unknown;
  examples?: object;
}
interface Document {
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
}

const redocly = createRequire(import.meta.url).resolve("@redocly/cli/package.json"); // prettier-ignore

describe("the OpenAPI document", () => {
  let text: string;
  let operations: [string, Operation][];
  let document: Document;
  beforeAll(async () => {
    await using app = await startApp();
    text = await (await fetch(`${app.url}/openapi.json`)).text();
    document = JSON.parse(text) as Document;
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, operation]): [string, Operation] => [
          `${method.toUpperCase()} ${path}`,
          operation,
        ],
      ),
    );
  });

  test("the linter's recommended rules find nothing, not even a warning", async () => {
    const folder = await mkdtemp(join(tmpdir(), "openapi-"));
    const file = join(folder, "openapi.json");
    await writeFile(file, JSON.stringify(JSON.parse(text), null, 1));
    // Without a file of settings, so with all recommended rules.
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(dirname(redocly), "bin/cli.js"), "lint", file, "--format=json"],
      {
        cwd: folder,
        env: {
          ...process.env,
          REDOCLY_TELEMETRY: "off",
          REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
        },
      },
    ).catch((error: unknown) => error as { stdout: string });
    await rm(folder, { recursive: true });
    const { totals, problems } = JSON.parse(stdout) as {
      totals: { errors: number; warnings: number; ignored: number };
      problems: { message: string; ruleId: string; location: object[] }[];
    };
    const found = problems.map(
      ({ ruleId, message, location }) =>
        `${ruleId}: ${message} ${JSON.stringify(location).slice(0, 300)}`,
    );
    assert.deepEqual(found, []);
    assert.deepEqual(totals, { errors: 0, warnings: 0, ignored: 0 });
  });

  test("every route says what it is for: under one tag, in a sentence, with its security", () => {
    const known = new Set<string>(tags.map(({ name }) => name));
    for (const [name, operation] of operations) {
      assert.equal(operation.tags?.length, 1, `${name}: one tag`);
      assert.ok(known.has(operation.tags[0] ?? ""), `${name}: a known tag`);
      for (const field of ["operationId", "summary", "description"] as const)
        assert.ok(operation[field], `${name}: ${field}`);
      assert.ok(operation.security, `${name}: security, [] for everybody`);
    }
    const used = new Set(operations.flatMap(([, { tags }]) => tags ?? []));
    assert.deepEqual(
      document.tags.map(({ name }) => name),
      tags.map(({ name }) => name).filter((name) => used.has(name)),
    );
  });

  test("what callers rely on is still there", async () => {
    const file = new URL("../../test/api-surface.txt", import.meta.url);
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    assert.ok(lines.length > 100);
    const now = new Set(surfaceOf(document as unknown as Described));
    assert.deepEqual(
      lines.filter((line) => !now.has(line)),
      [],
      "these went missing. If callers don't mind, or there is no other way: tell it in docs/api-changelog.md, and run `npm run api:snapshot`",
    );
  });

  test("every route is in the changelog", async () => {
    const changelog = await readFile("docs/api-changelog.md", "utf8");
    for (const [name] of operations)
      assert.ok(
        changelog.includes(`\`${name}\``),
        `${name}: add a line to docs/api-changelog.md, and run \`npm run api:snapshot\``,
      );
  });

  test("every body and every answer has an example", () => {
    for (const [name, { requestBody, responses }] of operations) {
      const bodies = Object.entries({ request: requestBody, ...responses });
      for (const [where, body] of bodies)
        for (const [type, media] of Object.entries(body?.content ?? {}))
          assert.ok(
            media.example ?? media.examples,
            `${name}: ${where} ${type} has no example`,
          );
    }
  });
});
