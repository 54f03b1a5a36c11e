import { isUtf8 } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import util from "node:util";
import { configExitCode, UserError } from "./print.mjs";

/**
 * The settings of a `.env` as editors write it, without those that are empty. What is no setting is an error that names
 * its line and never its value.
 * @param {string} file
 * @returns {import("./project.mjs").Env}
 */
export function readDotEnv(file) {
  if (!existsSync(file)) return {};
  if (typeof util.parseEnv !== "function")
    throw new UserError(
      `reading .env needs Node 20.12 or newer, this is ${process.version}`,
    );
  const text = decode(readFileSync(file), basename(file));
  checkLines(text.split("\n"), basename(file));
  return Object.fromEntries(
    Object.entries(util.parseEnv(text)).filter(([, value]) => value),
  );
}

/**
 * Without the mark that some editors of Windows write at the start, and with line ends as parseEnv knows them.
 * @param {Buffer} bytes
 * @param {string} name
 */
function decode(bytes, name) {
  const isUtf16 = bytes.includes(0);
  if (isUtf16 || !isUtf8(bytes))
    throw new UserError(
      `${name} is ${isUtf16 ? "UTF-16" : "not UTF-8"}: save it as UTF-8`,
      configExitCode,
    );
  return bytes
    .toString()
    .replace(/^\uFEFF/, "")
    .replace(/\r\n?/g, "\n");
}

const setting = /^\s*(?:export\s+)?[\w.-]+\s*=\s*(.*)$/;

/**
 * parseEnv passes over what it can't read, and takes the next line along.
 * @param {string[]} lines
 * @param {string} name
 */
function checkLines(lines, name) {
  /** The quote of a value that goes on over several lines. */
  let open = "";
  for (const [i, line] of lines.entries()) {
    if (open !== "") {
      if (line.includes(open)) open = "";
      continue;
    }
    if (/^\s*(#|$)/.test(line)) continue;
    const [, value] = setting.exec(line) ?? [];
    if (value === undefined) {
      const [, key = "NAME"] =
        /^\s*([A-Z_][A-Z0-9_]*)\s*(?::|$)/.exec(line) ?? [];
      const message = `${name}, line ${i + 1}: expected ${key}=value`;
      throw new UserError(message, configExitCode);
    }
    const [, quote = ""] = /^(["'`])/.exec(value) ?? [];
    if (quote !== "" && !value.includes(quote, 1)) open = quote;
  }
}
