const colourful = process.stdout.isTTY && !process.env.NO_COLOR;

/** @param {number} code @returns {(text: string) => string} */
const colour = (code) => (text) =>
  colourful ? `\x1b[${code}m${text}\x1b[0m` : text;

export const bold = colour(1);
export const dim = colour(2);
export const red = colour(31);
export const green = colour(32);
export const yellow = colour(33);
export const cyan = colour(36);

// Nobody reads it any more, as after `npm run try … | head -3`: the command goes on without a word.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (/** @type {NodeJS.ErrnoException} */ error) => {
    if (error.code !== "EPIPE") throw error;
  });

/** How a process ends whose configuration is wrong (EX_CONFIG of sysexits.h): starting it again would not help. */
export const configExitCode = 78;

/** An error whose message tells the user what to do: printed without a stack. */
export class UserError extends Error {
  /** @param {string} message @param {number} [exitCode] */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** @param {string} line */
export function say(line = "") {
  process.stdout.write(`${line}\n`);
}

/**
 * Runs one step of a command, with a line when it takes over a second, another every 15 s and one at its end.
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const start = Date.now();
  const seconds = () => Math.round((Date.now() - start) / 1000);
  let shown = false;
  /** @param {string} soFar */
  const show = (soFar) => {
    shown = true;
    say(dim(`… ${title}${soFar}`));
  };
  const first = setTimeout(show, 1000, "");
  const more = setInterval(() => show(`, ${seconds()} s so far`), 15_000);
  try {
    const result = await work();
    if (shown) say(`${green("✓")} ${title} ${dim(`(${seconds()} s)`)}`);
    return result;
  } finally {
    clearTimeout(first);
    clearInterval(more);
  }
}

/**
 * Ends the process with the error: a {@link UserError} as its message, anything else with its stack.
 * @param {unknown} error
 * @returns {never}
 */
export function fail(error) {
  const mistake = error instanceof UserError ? error : undefined;
  const stack = error instanceof Error ? error.stack : undefined;
  const text = mistake?.message ?? stack ?? String(error);
  process.stderr.write(`\n${red("✗")} ${text}\n`);
  process.exit(mistake?.exitCode ?? 1);
}

/**
 * Text from outside without anything that a terminal would act on: control characters and bidi overrides.
 * @param {string} text
 */
export function printable(text) {
  return text.replace(
    // Control characters (but for tab and line feed), line separators, bidi overrides.
    /(?![\t\n])[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The same as one line, whatever is in it. @param {string} text */
export function oneLine(text) {
  return printable(text).replace(/\n/g, "\\n").replace(/\t/g, "\\t");
}
