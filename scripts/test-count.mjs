/**
 * A reporter for `node --test` that writes one line of JSON: how many tests there were. The count of the whole run is
 * the summary that names no file.
 * @param {AsyncIterable<{ type: string, data: { file?: string, counts: Record<"passed" | "failed" | "cancelled" | "skipped" | "todo", number> } }>} source
 */
export default async function* countTests(source) {
  for await (const { type, data } of source) {
    if (type !== "test:summary" || data.file !== undefined) continue;
    const { passed, failed, cancelled, skipped, todo } = data.counts;
    yield `${JSON.stringify({ passed, failed: failed + cancelled, skipped: skipped + todo })}\n`;
  }
}
