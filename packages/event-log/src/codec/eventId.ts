/** Ids of events as the headers tell them, so that bodies can stay in the log. */

/** The event's id, `<task>.requested`, `<task>.started.1`, `<task>.outcome`; "" where there is none. */
export const eventIdOf = (message: {
  header: (name: string) => string;
}): string => message.header("Nats-Msg-Id");

/** The task id in an event's id. */
export const taskIdOf = (eventId: string): string =>
  eventId.slice(0, eventId.indexOf("."));
