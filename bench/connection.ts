/**
 * One keep-alive HTTP/1.1 connection with one request at a time, on a bare socket: the load generator shares the cores
 * with what it measures, so it must not cost what `fetch` or `node:http` cost.
 */
import { connect, type Socket } from "node:net";

export interface Answer {
  /** 0: the connection ended before the answer was complete. */
  status: number;
  body: string;
}

export interface Connection {
  /** Sends a whole request as text. */
  send(request: string): Promise<Answer>;
  close(): void;
}

const broken: Answer = { status: 0, body: "" };
const HEAD_END = "\r\n\r\n";

export function openConnection(port: number): Connection {
  let socket: Socket | undefined;
  let received = "";
  let settle: ((answer: Answer) => void) | undefined;

  function answer(value: Answer) {
    const resolve = settle;
    received = "";
    settle = undefined;
    resolve?.(value);
  }

  function read(chunk: string, from: Socket) {
    received += chunk;
    const headEnd = received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(
      received.slice(0, headEnd),
    );
    if (!length) return void from.destroy(); // chunked: none of the answers measured here is
    const end = headEnd + HEAD_END.length + Number(length[1]);
    if (received.length < end) return;
    const status = Number(received.slice("HTTP/1.1 ".length, 12));
    answer({ status, body: received.slice(headEnd + HEAD_END.length) });
  }

  function open(): Socket {
    const opened = connect({ host: "127.0.0.1", port, noDelay: true });
    opened.setEncoding("latin1");
    opened.on("data", (chunk: string) => read(chunk, opened));
    opened.on("error", () => {}); // "close" follows
    opened.on("close", () => {
      if (socket !== opened) return;
      socket = undefined;
      answer(broken);
    });
    return opened;
  }

  return {
    send: (request) =>
      new Promise((resolve) => {
        settle = resolve;
        (socket ??= open()).write(request, "latin1");
      }),
    close: () => socket?.destroy(),
  };
}
