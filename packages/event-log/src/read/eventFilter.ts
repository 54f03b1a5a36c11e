/** Which events of the log somebody wants, and what of that the broker can leave out by itself. */
import {
  eventTypes,
  parseEventSubject,
  type EventType,
  type Lane,
  type Queue,
} from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { labelsOf } from "../codec/attributes.ts";
import { eventIdOf, taskIdOf } from "../codec/eventId.ts";
import type { Delivery } from "./pull.ts";

/** All that is named has to fit. */
export interface EventFilter {
  types?: readonly EventType[];
  /** A slug, as the owner. */
  model?: string;
  owner?: string;
  lane?: Lane;
  task_id?: string;
  /** Of the task's request. Only a request has it, so a reader has to have seen that. */
  user_id?: string;
}

/** The subjects to read, so that nothing that fits is missing. A group's requests have a token more than the others. */
export function subjectsOf(
  { subjects }: Pick<Broker, "subjects">,
  { types, model = "*", owner = "*", user_id, ...rest }: EventFilter,
): string[] {
  const lane: string = rest.lane ?? "*";
  const queue = { model, lane, owner };
  const ofGroups = subjects.event("requested", { ...queue, group: "*" });
  if (types !== undefined && user_id === undefined)
    return types.flatMap((type) => [
      subjects.event(eventTypes[type].word, queue),
      ...(type === "GenerateRequested" ? [ofGroups] : []),
    ]);
  return [model, lane, owner].every((any) => any === "*")
    ? [subjects.allEvents]
    : [subjects.event("*", queue), ofGroups];
}

/** What an event's subject says. */
export interface EventPlace {
  type: EventType;
  queue: Readonly<Queue>;
}

/**
 * Tells of each message, in the log's order, whether it fits: what its subject says, or undefined. It remembers the open
 * tasks of a user. An event that comes after its task's outcome changes nothing, and is no user's.
 */
export function makeMatch(
  filter: EventFilter,
): (message: Delivery) => EventPlace | undefined {
  const types = filter.types && new Set(filter.types);
  const isOfUser = makeIsOfUser(filter.user_id);
  const { task_id } = filter;
  const isOfTask = (message: Delivery) =>
    task_id === undefined || taskIdOf(eventIdOf(message)) === task_id;
  return (message) => {
    const place = parseEventSubject(message.subject);
    if (place === undefined) return undefined;
    const { queue } = place;
    const {
      model = queue.model,
      lane = queue.lane,
      owner = queue.owner,
    } = filter;
    const fits =
      model === queue.model &&
      lane === queue.lane &&
      owner === queue.owner &&
      isOfUser(message, place.type) &&
      isOfTask(message) &&
      types?.has(place.type) !== false;
    return fits ? place : undefined;
  };
}

function makeIsOfUser(user_id: string | undefined) {
  if (user_id === undefined) return () => true;
  const open = new Set<string>();
  return (message: Delivery, type: EventType): boolean => {
    const task = taskIdOf(eventIdOf(message));
    if (type !== "GenerateRequested")
      return eventTypes[type].outcome ? open.delete(task) : open.has(task);
    const isTheirs = labelsOf(message)?.user_id === user_id;
    if (isTheirs) open.add(task);
    return isTheirs;
  };
}
