/** What the broker has, against what it was asked for. */
import { JetStreamApiError } from "@nats-io/jetstream";

/** The fields of `wanted` that stand otherwise in `made`. */
export function differences(wanted: object, made: object): string[] {
  const entries = new Map<string, unknown>(Object.entries(made));
  return Object.entries(wanted)
    .filter(([name, value]) => !same(value, entries.get(name)))
    .map(([name]) => name);
}

function same(wanted: unknown, made: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return wanted === made;
  if (typeof made !== "object" || made === null) return false;
  return differences(wanted, made).length === 0;
}

/** Undefined for "not found"; other errors stay errors. */
export async function orMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.apiError().code === 404)
      return undefined;
    throw error;
  }
}
