/** How a connection proves whose it is, and what its inboxes are called. */
import {
  credsAuthenticator,
  nkeyAuthenticator,
  type ConnectionOptions,
} from "@nats-io/nats-core";
import { inboxPrefixOf, type Role } from "../accounts/roles.ts";

/** A file that proves the user. */
export interface Credentials {
  role: Role;
  /** A seed alone, or a `.creds` file of an operator. */
  kind: "nkey" | "creds";
  /** What the file holds; asked at each connect, so that another file takes effect without a restart. */
  read: () => Uint8Array;
}

export const credentialOptions = ({
  role,
  kind,
  read,
}: Credentials): ConnectionOptions => ({
  authenticator:
    kind === "nkey" ? nkeyAuthenticator(read) : credsAuthenticator(read),
  inboxPrefix: inboxPrefixOf(role),
});
