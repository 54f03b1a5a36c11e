/** `/dashboard`: the files that `vite build` made of `packages/dashboard`, as they lie there, compressed ahead. */
import { builtDashboard } from "@jetscribe/dashboard/built";
import type { FastifyReply, FastifyRequest } from "fastify";
import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ApiError } from "../../apiError.ts";
import type { App } from "../appDeps.ts";
import { pageHeaders } from "./page.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** By their ending, the smallest first. */
const encodings = { br: ".br", gzip: ".gz" } as const;

/** `dir`: without it there is a 404 that says how it is made. */
export function dashboardPage(app: App, dir = builtDashboard): void {
  const files = readFiles(dir);
  const schema = { hide: true } as const;
  const home = `${app.publicPath}/dashboard/`;
  app.get("/dashboard", { schema }, (request, reply) => {
    // The page names its files from where it is: below a slash.
    const [path = ""] = request.url.split("?");
    if (!path.endsWith("/")) return reply.redirect(home);
    return sendFile(files, "index.html", request, reply);
  });
  app.get<{ Params: { "*": string } }>(
    "/dashboard/*",
    { schema },
    (request, reply) => sendFile(files, request.params["*"], request, reply),
  );
}

type Files = ReadonlyMap<string, Buffer>;

/** By their paths below the folder; none where the dashboard is not built. */
function readFiles(dir: URL): Files {
  if (!existsSync(dir)) return new Map();
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => [relative(fileURLToPath(dir), path), readFileSync(path)]),
  );
}

function sendFile(
  files: Files,
  name: string,
  { headers }: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const type = types[extname(name)];
  const plain = files.get(name);
  if (plain === undefined || type === undefined)
    throw new ApiError(
      "not_found",
      files.size === 0
        ? "the dashboard is not built: npm start builds it"
        : "the dashboard has no such file",
    );
  const { encoding, bytes } = encoded(files, name, headers) ?? { bytes: plain };
  // A file with a hash in its name never changes.
  const isHashed = name.startsWith("assets/");
  const etag = `"${hash("sha256", bytes, "base64url").slice(0, 22)}"`;
  void reply.type(type).headers({
    ...pageHeaders,
    vary: "accept-encoding",
    etag,
    "cache-control": isHashed
      ? "public, max-age=31536000, immutable"
      : "no-cache",
    ...(encoding && { "content-encoding": encoding }),
  });
  return headers["if-none-match"] === etag
    ? reply.code(304).send()
    : reply.send(bytes);
}

/** The smallest form of a file that the caller takes; undefined: as it is. */
function encoded(
  files: Files,
  name: string,
  headers: FastifyRequest["headers"],
) {
  const accepted = String(headers["accept-encoding"] ?? "")
    .split(",")
    .map((one) => one.trim())
    // `br;q=0` refuses it.
    .filter((one) => !/;\s*q=0(\.0*)?$/.test(one))
    .map((one) => one.split(";")[0]);
  for (const [encoding, ending] of Object.entries(encodings)) {
    const bytes = files.get(name + ending);
    if (bytes && accepted.includes(encoding)) return { encoding, bytes };
  }
  return undefined;
}
