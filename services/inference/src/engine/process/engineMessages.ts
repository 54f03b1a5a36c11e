/** What the worker and its engine's process say to each other, and how: many messages in one send. */
import type {
  Death,
  EngineConfig,
  EngineInfo,
  EngineProgress,
  EngineRequest,
  EngineResult,
  TokenCounts,
} from "../engine.ts";
import type { EngineThreads, ErrorType } from "@jetscribe/schema";

/** An error on its way through IPC. */
export interface WireError {
  type: ErrorType;
  message: string;
  stack: string;
  /** The setting that is wrong. */
  setting?: string | undefined;
  /** Of an EngineDied: this one generation broke off, and the process lives. */
  death?: Death;
}

export type ToChild =
  | { kind: "start"; config: EngineConfig }
  | { kind: "generate"; id: number; request: EngineRequest }
  | { kind: "abort"; id: number };

/** Without the whole text: that is what it continues, and the pieces. */
export type WireResult = Omit<EngineResult, "text">;

export type FromChild =
  | { kind: "ready"; info: EngineInfo }
  | { kind: "failed"; error: WireError }
  | { kind: "progress"; progress: EngineProgress }
  | { kind: "warning"; message: string }
  | { kind: "threads"; threads: EngineThreads }
  /** Once a second, from the event loop that feeds the model. */
  | { kind: "alive" }
  /** A part of the prompt was read. */
  | { kind: "read"; id: number }
  /** Why it can't begin yet; without it: it waits no longer. */
  | { kind: "waiting"; id: number; why?: string | undefined }
  | { kind: "text"; id: number; text: string; counts: TokenCounts }
  | { kind: "done"; id: number; result: WireResult }
  | { kind: "error"; id: number; error: WireError };

/**
 * Collects messages and sends those of one turn of the event loop as one array: a send costs far more than a
 * message, and tokens of many slots come together.
 */
export function makeOutbox<Message>(send: (messages: Message[]) => void) {
  let messages: Message[] = [];
  const flush = () => {
    const batch = messages;
    messages = [];
    send(batch);
  };
  return (message: Message): void => {
    if (messages.push(message) === 1) setImmediate(flush);
  };
}
