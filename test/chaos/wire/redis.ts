/** The Redis protocol, as far as a witness needs it. */
import { once } from "node:events";
import { connect } from "node:net";

export type Reply = string | number | null | Reply[];

/** Sends the commands on a connection of their own, and gives their replies. Rejects where Redis is away or says no. */
export async function redisCommands(
  port: number,
  commands: readonly (readonly string[])[],
): Promise<Reply[]> {
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(10_000, () => socket.destroy(new Error("no answer")));
  // A server that stops ends the connection without an error.
  const ended = once(socket, "close").then((): never => {
    throw new Error("Redis ended the connection");
  });
  ended.catch(() => undefined);
  try {
    socket.write(commands.map(encode).join(""));
    const replies: Reply[] = [];
    let buffer = Buffer.alloc(0);
    let used = 0;
    while (replies.length < commands.length) {
      const found = replyAt(buffer, used);
      if (found === undefined) {
        const data = once(socket, "data") as Promise<[Buffer]>;
        const [chunk] = await Promise.race([data, ended]);
        buffer = Buffer.concat([buffer.subarray(used), chunk]);
        used = 0;
        continue;
      }
      used = found.end;
      replies.push(found.reply);
    }
    return replies;
  } finally {
    socket.destroy();
  }
}

const encode = (words: readonly string[]): string =>
  `*${words.length}\r\n` +
  words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");

/** Undefined where the reply is not there whole. */
function replyAt(
  buffer: Buffer,
  begin: number,
): { reply: Reply; end: number } | undefined {
  const lineEnd = buffer.indexOf("\r\n", begin);
  if (lineEnd < 0) return undefined;
  const line = buffer.toString("utf8", begin + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(buffer[begin] ?? 0)) {
    case "+":
      return { reply: line, end };
    case "-":
      throw new Error(`Redis: ${line}`);
    case ":":
      return { reply: Number(line), end };
    case "$": {
      const size = Number(line);
      if (size < 0) return { reply: null, end };
      if (buffer.length < end + size + 2) return undefined;
      return {
        reply: buffer.toString("utf8", end, end + size),
        end: end + size + 2,
      };
    }
    case "*":
      return repliesAt(buffer, end, Number(line));
    default:
      throw new Error("no reply of Redis");
  }
}

function repliesAt(buffer: Buffer, begin: number, count: number) {
  const replies: Reply[] = [];
  let end = begin;
  while (replies.length < count) {
    const found = replyAt(buffer, end);
    if (found === undefined) return undefined;
    replies.push(found.reply);
    end = found.end;
  }
  return { reply: replies, end };
}
