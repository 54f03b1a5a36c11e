/** A probe of `subscribers add` or `remove` is refused for so long at most, in ms. */
const probesForMs = 10_000;
const tellEveryMs = 600_000;
/** Of so many users each is told of; all further ones count as one. */
const mostUsers = 100;

/**
 * What an operator should hear of the clients that nats-server refuses. The commands that add and remove subscribers are
 * refused too, while they look whether the server has taken that in. So a user is told of who is refused for longer, and
 * then every ten minutes. It gets each line in which the server refuses somebody; undefined: there is nothing to say.
 */
export function makeRefusedClients() {
  const refused = new Map<
    string,
    { sinceMs: number; times: number; quietUntilMs: number }
  >();
  return (line: string, nowMs: number): string | undefined => {
    const [, named = ""] = /authentication error(?: - (.*))?/.exec(line) ?? [];
    const isNamed = refused.has(named) || refused.size < mostUsers;
    const user = isNamed ? named || "a client without a user" : "other users";
    const client = refused.get(user) ?? {
      ...{ sinceMs: nowMs, times: 0, quietUntilMs: nowMs + probesForMs },
    };
    refused.set(user, client);
    client.times++;
    if (nowMs < client.quietUntilMs) return undefined;
    client.quietUntilMs = nowMs + tellEveryMs;
    const seconds = Math.round((nowMs - client.sinceMs) / 1_000);
    return `nats refuses ${user}: ${client.times} times in ${seconds} s`;
  };
}
