import { textFields } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { surfaceOf, type Described } from "../../test/apiSurface.ts";
import { startApp } from "../../test/appTestKit.ts";

test("each route that reads the texts of a task takes the header by which the reading is recorded", async () => {
  await using started = await startApp();
  const lines = surfaceOf(started.app.swagger() as unknown as Described);
  const routesWith = (pattern: RegExp) =>
    new Set(lines.flatMap((line) => pattern.exec(line)?.[1] ?? []));
  const fields = textFields.join("|");
  const shown = routesWith(new RegExp(`^GET (\\S+) < .*\\.(?:${fields})\\b`));
  // Its frames are texts to the document.
  shown.add("/stream/{task_id}");
  assert.ok(shown.size >= 3);
  assert.deepEqual(routesWith(/^GET (\S+) > header jetscribe-surface/), shown);
});
