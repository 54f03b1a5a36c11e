/**
 * One log file and its rotated generations. When it is rotated follows from its lines alone, so building it again
 * gives the same files. Everything is synchronous: a batch is one step, and nothing else waits in this process.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  constants,
} from "node:fs";
import { join } from "node:path";
import type { Checkpoint, Position } from "./checkpoint.ts";
import type { Config } from "./config.ts";

export interface Line {
  /** Without the line end at its end. */
  text: string;
  /** Seconds since the epoch. */
  time: number;
}

export type LogFile = ReturnType<typeof makeLogFile>;

export const start: Position = { generation: 1, length: 0, began: 0 };
const newline = "\n".charCodeAt(0);

type Settings = Pick<
  Config,
  "LOG_DIR" | "LOG_ROTATE_SIZE" | "LOG_ROTATE_AGE" | "LOG_KEEP"
>;

/** The file `<name>.log`; it is opened by `restore`. */
export function makeLogFile(
  name: string,
  {
    LOG_DIR: dir,
    LOG_ROTATE_SIZE: maxBytes,
    LOG_ROTATE_AGE: periodMs,
    LOG_KEEP: keep,
  }: Settings,
  checkpoint: Checkpoint,
) {
  const path = join(dir, `${name}.log`);
  let fd: number | undefined;
  let at = start;
  let waiting: string[] = [];
  let waitingBytes = 0;
  let pruned = 0;

  function close(): void {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    waiting = [];
    waitingBytes = 0;
  }

  function open(): number {
    close();
    return (fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o640));
  }

  function flush(): void {
    if (waitingBytes === 0) return;
    const bytes = Buffer.from(waiting.join(""));
    waiting = [];
    waitingBytes = 0;
    // A place of its own for each write: what a failed one left is written over, never kept.
    for (let done = 0; done < bytes.length;) {
      const place = at.length + done;
      done += writeSync(fd ?? open(), bytes, done, bytes.length - done, place);
    }
    at = { ...at, length: at.length + bytes.length };
  }

  const period = (time: number) => Math.floor((time * 1000) / periodMs);
  const isFull = (time: number, bytes: number) =>
    at.length + waitingBytes > 0 &&
    (at.length + waitingBytes + bytes > maxBytes ||
      period(time) > period(at.began));

  function rotate(): void {
    flush();
    const { generation, length, began } = at;
    const rotated = `${name}.${stamp(began)}.${generation}.log`;
    checkpoint.noteRotation(name, { generation, length, name: rotated });
    close();
    renameSync(path, join(dir, rotated));
    at = { ...start, generation: generation + 1 };
    open();
  }

  /** Gives the file of this generation its name back; false: it is not there any more. What came after it is removed. */
  function undoRotations({ generation }: Position, newest: Position): boolean {
    const later = checkpoint.rotationsSince(name, generation);
    const own = later.pop();
    if (own === undefined) return generation === newest.generation;
    const rotated = join(dir, own.name);
    const isRotated = sizeOf(rotated) !== undefined;
    // Otherwise it was noted and never renamed, or has its name back since a logger was killed right here.
    const isThere = isRotated || sizeOf(path) === own.length;
    if (own.generation !== generation || !isThere) return false;
    for (const { name } of later) rmSync(join(dir, name), { force: true });
    if (isRotated) renameSync(rotated, path);
    checkpoint.forgetRotationsSince(name, generation);
    return true;
  }

  return {
    name,
    get position(): Position {
      return at;
    },
    /** Whether what stands at its path is still this file, whole. */
    get intact(): boolean {
      if (fd === undefined) return true;
      const found = statSync(path, { throwIfNoEntry: false });
      return found?.ino === fstatSync(fd).ino && found.size >= at.length;
    },
    /** Writes lines, in one go per file. After an error nothing but `restore` may follow. */
    append(lines: readonly Line[]): void {
      for (const { text, time } of lines) {
        const bytes = Buffer.byteLength(text) + 1;
        if (isFull(time, bytes)) rotate();
        if (at.began === 0) at = { ...at, began: time };
        waiting.push(text, "\n");
        waitingBytes += bytes;
      }
      flush();
    },
    /** Cuts the file back to where it stood; `newest`: where it stood last. False: what it had then is not there. */
    restore(to: Position, newest: Position): boolean {
      close();
      if (!undoRotations(to, newest)) return false;
      const file = open();
      if (fstatSync(file).size < to.length) return false;
      if (to.length > 0 && byteAt(file, to.length - 1) !== newline)
        return false;
      ftruncateSync(file, to.length);
      at = to;
      return true;
    },
    /** Removes the rotated files that are too many. What is needed to restore an older mark may be among them. */
    prune(): void {
      if (pruned === at.generation) return;
      pruned = at.generation;
      const excess = checkpoint.rotationsBefore(name, at.generation - keep);
      for (const { generation, name: rotated } of excess) {
        rmSync(join(dir, rotated), { force: true });
        checkpoint.forgetRotation(name, generation);
      }
    },
    /** Moves the file and its rotated ones into a folder. Returns whether there was anything. */
    setAside(folder: string): boolean {
      close();
      const found = readdirSync(dir).filter(
        (entry) => entry.startsWith(`${name}.`) && entry.endsWith(".log"),
      );
      const full = found.filter((entry) => sizeOf(join(dir, entry)));
      if (full.length > 0) mkdirSync(folder, { recursive: true });
      for (const entry of full)
        renameSync(join(dir, entry), join(folder, entry));
      checkpoint.forgetRotationsSince(name, 0);
      return full.length > 0;
    },
    [Symbol.dispose]: close,
  };
}

/** `2026-11-24T10-00-00Z`, of seconds since the epoch: no colons, which Windows doesn't take. */
const stamp = (time: number): string =>
  `${new Date(time * 1000).toISOString().slice(0, 19).replaceAll(":", "-")}Z`;

const sizeOf = (path: string): number | undefined =>
  statSync(path, { throwIfNoEntry: false })?.size;

function byteAt(fd: number, place: number): number | undefined {
  const byte = new Uint8Array(1);
  return readSync(fd, byte, 0, 1, place) === 1 ? byte[0] : undefined;
}
