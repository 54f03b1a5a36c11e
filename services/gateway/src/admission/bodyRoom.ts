/**
 * How many bytes of request bodies are received or worked on at once, however they came: a body takes several times its
 * size until it is stored, so without a limit a few dozen large prompts end the process.
 */
import { ApiError } from "../apiError.ts";

export type BodyRoom = ReturnType<typeof makeBodyRoom>;

export interface BodyLimits {
  /** Of one body, in bytes. */
  bodyLimit: number;
  /** For all of them together. */
  bodies: BodyRoom;
}

const retryAfterS = 1;
/** A body of less than such a part of the room is not counted: it takes little more than its connection. */
const smallParts = 4_096;

/** `most`: of all bodies together, in bytes; one alone is always taken. */
export function makeBodyRoom(most: number) {
  let taken = 0;
  return {
    isCounted: (bytes: number): boolean => bytes * smallParts > most,
    /** Gives what gives the room back, once. Throws an ApiError where there is none. */
    take(bytes: number): () => void {
      if (taken > 0 && taken + bytes > most) throw noRoom(most);
      taken += bytes;
      let isTaken = true;
      return () => {
        if (isTaken) taken -= bytes;
        isTaken = false;
      };
    },
  };
}

const noRoom = (value: number) =>
  new ApiError("unavailable", "too many large requests at once", {
    limit: { name: "BODIES_IN_FLIGHT", value },
    retryAfterS,
  });
