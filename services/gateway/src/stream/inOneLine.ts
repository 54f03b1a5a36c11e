/** JSON without the line ends that it may hold: some readers of streams, as Python's, take them for ends of lines. */
export const inOneLine = (data: unknown): string =>
  JSON.stringify(data).replace(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
