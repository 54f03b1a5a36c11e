import net from "node:net";

/**
 * Asks a server on this machine in its own text protocol, and gives what it said. It was silent where nothing that is
 * enough came for so long, on a connection that stayed. What is asked may depend on the line that the server greets with.
 */
export function askServer(
  port: number,
  request: string | ((greeting: string) => string),
  withinMs: number,
  isEnough: (text: string) => boolean,
): Promise<{ text: string; silent: boolean }> {
  return new Promise((resolve) => {
    let text = "";
    let isAsked = typeof request === "string";
    const socket = net.connect({ port, host: "127.0.0.1" });
    const end = (silent: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, silent });
    };
    const timer = setTimeout(end, withinMs, true);
    socket.once("error", () => end(false)).once("close", () => end(false));
    if (typeof request === "string" && request !== "") socket.write(request);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (!isAsked && typeof request !== "string" && text.includes("\n")) {
        isAsked = true;
        socket.write(request(text));
      }
      if (isEnough(text)) end(false);
    });
  });
}
