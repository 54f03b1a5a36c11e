import { nkeys } from "@nats-io/nats-core";

/**
 * The line by which a seed's user answers a server's greeting (`INFO {…}`), in NATS's text protocol: for a look that needs
 * no client. Without a seed, or where the server asks nobody who they are, it names no user.
 */
export function connectLine(greeting: string, seed?: string): string {
  const nonce = /"nonce":\s*"([^"]+)"/.exec(greeting)?.[1];
  const login =
    seed === undefined || nonce === undefined ? {} : answerTo(nonce, seed);
  return `CONNECT ${JSON.stringify({ verbose: false, ...login })}\r\n`;
}

function answerTo(nonce: string, seed: string) {
  const pair = nkeys.fromSeed(Buffer.from(seed.trim()));
  const signature = pair.sign(Buffer.from(nonce));
  const sig = Buffer.from(signature).toString("base64url");
  return { nkey: pair.getPublicKey(), sig };
}
