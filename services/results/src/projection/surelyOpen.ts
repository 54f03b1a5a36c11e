import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { isOpen, type OpenTask } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import type { Projection } from "./projection.ts";

export interface Sources {
  broker: Broker;
  reader: Pick<TaskReader, "look">;
  projection: Pick<Projection, "reaches">;
}

/**
 * Those of the tasks that are surely open as of this call: the projection shows them open, and has read the log up to
 * its end. None where it has not.
 */
export async function surelyOpen(
  { broker, reader, projection }: Sources,
  ids: readonly string[],
): Promise<OpenTask[]> {
  const { lastSeq } = await streamState(broker, broker.streams.events);
  if (!(await projection.reaches(lastSeq))) return [];
  const { tasks, checkpoint } = await reader.look(ids);
  if ((checkpoint?.seq ?? 0) < lastSeq || !checkpoint?.caughtUp) return [];
  return tasks.filter((task) => task !== undefined).filter(isOpen);
}
