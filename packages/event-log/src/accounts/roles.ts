/** The users of a system's broker. Decision 0050. */

/** The auditor has an account of its own; the others share the services' account. */
export const roles = [
  "gateway",
  "inference",
  "results",
  "logger",
  "webhooks",
  "operator",
  "auditor",
] as const;
export type Role = (typeof roles)[number];

/** Those whose user is in the services' account. */
export type ServiceRole = Exclude<Role, "auditor">;

/** Begins the subjects that answers to this role come to: no other role's user may subscribe to them. */
export const inboxPrefixOf = (role: Role): string => `_INBOX_${role}`;
