/** What several commands came to. Throws what the first one that failed was refused with. */
export function resultsOf(
  replies: [error: Error | null, reply: unknown][] | null,
): unknown[] {
  return (replies ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}
