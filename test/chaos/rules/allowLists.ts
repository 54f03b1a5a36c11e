/** The broker forbids a service nothing of what it does. */
import type { Evidence } from "../evidence.ts";

const words = "the broker forbids what this service does";

export const checkAllowLists = ({ said }: Evidence): string[] => {
  const forbidden = said.filter(({ msg }) => msg.startsWith(words));
  return [...new Set(forbidden.map(({ member, line }) => `${member}: ${line}`))]; // prettier-ignore
};
