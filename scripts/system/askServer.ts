import net from "node:net";

/** What a server on this machine said, and how that ended: it was enough, it was silent, or there is no connection. */
export interface Answer {
  text: string;
  end: "enough" | "silent" | "closed";
}

/** Asks in the server's own text protocol; it is silent when nothing that is enough came for so long. */
export function askServer(
  port: number,
  request: string,
  withinMs: number,
  isEnough: (text: string) => boolean,
): Promise<Answer> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect({ port, host: "127.0.0.1" });
    const end = (end: Answer["end"]) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, end });
    };
    const timer = setTimeout(() => end("silent"), withinMs);
    socket
      .once("error", () => end("closed"))
      .once("close", () => end("closed"));
    if (request !== "") socket.write(request);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (isEnough(text)) end("enough");
    });
  });
}
