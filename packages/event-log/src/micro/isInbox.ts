/**
 * Whether answers may be sent there: to the inbox of a client, or to what a server makes of it where the call came through
 * the import of another account (`_R_`). The caller alone names the subject, and the answer goes out with the rights of
 * this service: to any other subject it could be an event in the log, or a command to the broker.
 */
export const isInbox = (subject: string): boolean =>
  /^(?:_R_|_INBOX[A-Za-z0-9_-]*)(?:\.[^\s.*>]+)+$/.test(subject);
