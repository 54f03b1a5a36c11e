/** A task's stream for a reader that can't be told to forget what it has: pieces of text, and the outcome. */
import type { FailedResponse } from "@jetscribe/schema";
import type { StreamEvent } from "../stream/textFeed.ts";
import type { Completed } from "./answerOf.ts";
import { TaskFailed } from "./taskFailed.ts";

export type Piece = { text: string } | { completed: Completed };

/** The task began anew and wrote another text: what the reader has is no part of the answer. */
export class TextChanged extends Error {
  override readonly name = "TextChanged";
}

/**
 * Where a task begins anew, its text is compared with what the reader has, and goes on behind that. Throws TextChanged
 * where it differs, TaskFailed for an outcome that is no text, and what `whyOver` says where the stream ends before the outcome.
 */
export async function* readAnswer(
  events: AsyncIterable<StreamEvent>,
  whyOver: () => Error,
): AsyncGenerator<Piece, void> {
  /** All the text that the reader has. */
  let sent = "";
  /** How far the attempt that runs has come, in UTF-16 code units. */
  let at = 0;
  for await (const { event, data } of events) {
    switch (event) {
      case "status":
        break;
      case "reset":
        at = 0;
        break;
      case "token": {
        const { text } = data as { text: string };
        const known = sent.slice(at, at + text.length);
        if (!text.startsWith(known)) throw new TextChanged();
        const added = text.slice(known.length);
        at += text.length;
        sent += added;
        if (added !== "") yield { text: added };
        break;
      }
      case "completed": {
        const completed = data as Completed;
        if (completed.result !== sent) throw new TextChanged();
        yield { completed };
        return;
      }
      case "failed": {
        const { error_type: type, error_message } = data as FailedResponse;
        throw new TaskFailed({ type, message: error_message });
      }
      case "cancelled":
        throw new TaskFailed();
    }
  }
  throw whyOver();
}
