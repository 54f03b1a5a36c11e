/** A page in headless Chromium, driven through the DevTools protocol. */
import { eventually } from "@jetscribe/testing";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onPath } from "../../scripts/install/setup.mjs";

/** The machine's Chromium, if it has one. */
export const chromium = ["chromium", "chromium-browser", "google-chrome"]
  .flatMap(onPath)
  .at(0);

export interface Page extends AsyncDisposable {
  /** What an expression gives in the page, or its promise, as JSON holds it. Rejects where it throws, or the promise rejects. */
  evaluate(expression: string): Promise<unknown>;
}

interface Details {
  text: string;
  exception?: { description?: string };
}

interface Reply {
  id: number;
  error?: { message: string };
  result?: { result: { value?: unknown }; exceptionDetails?: Details };
}

const wordsOf = (details: Details | undefined) =>
  details?.exception?.description ?? details?.text;

/** Starts `program` with this page; it may still be loading. */
export async function openPage(program: string, url: string): Promise<Page> {
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-chromium-"));
  opened.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  // Without its sandbox it also starts for root, and in a container.
  const flags = ["--headless", "--no-sandbox", "--disable-gpu"];
  const browser = spawn(
    program,
    [...flags, `--user-data-dir=${dir}`, "--remote-debugging-port=0", url],
    {
      env: { ...process.env, TMPDIR: dir },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  // Its children hold its stderr: it is closed when the last one has ended.
  const closed = once(browser, "close");
  opened.defer(async () => {
    browser.kill();
    await closed;
  });
  let said = "";
  browser.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const port = await eventually(() => {
    if (browser.exitCode !== null) throw new Error(said);
    return /listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1];
  });
  const address = await eventually(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
    const targets = (await answer.json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    return targets.find(({ type }) => type === "page")?.webSocketDebuggerUrl;
  });
  const socket = new WebSocket(address);
  opened.defer(() => socket.close());
  await once(socket, "open");

  let lastId = 0;
  const rest = opened.move();
  return {
    async evaluate(expression) {
      const id = ++lastId;
      const { promise, resolve, reject } = Promise.withResolvers<Reply>();
      const heard = ({ data }: MessageEvent) => {
        const reply = JSON.parse(String(data)) as Reply;
        if (reply.id === id) resolve(reply);
      };
      const lost = () => reject(new Error(`Chromium is gone: ${said}`));
      socket.addEventListener("message", heard);
      socket.addEventListener("close", lost);
      const params = { expression, returnByValue: true, awaitPromise: true };
      socket.send(JSON.stringify({ id, method: "Runtime.evaluate", params }));
      const { error, result } = await promise.finally(() => {
        socket.removeEventListener("message", heard);
        socket.removeEventListener("close", lost);
      });
      const wrong = error?.message ?? wordsOf(result?.exceptionDetails);
      if (wrong !== undefined) throw new Error(wrong);
      return result?.result.value;
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}
