import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { distribution, unpackDebs } from "./debs.mjs";
import { run, runOrThrow } from "./run.mjs";

const own = distribution();

/** As in the distribution's: the server needs the tools, and its program is a link to one of theirs. */
const packages = {
  "redis-tools": { fields: "", fill: writeTool },
  "redis-server": { fields: "Depends: redis-tools\n", fill: linkServer },
};

function writeTool(bin: string) {
  writeFileSync(join(bin, "redis-check-rdb"), "the program");
}

function linkServer(bin: string) {
  symlinkSync("redis-check-rdb", join(bin, "redis-server"));
}

/** Makes an archive of the packages in `dir`. Gives what dpkg says of each, by its name. */
async function makeArchive(
  dir: string,
  { codename }: { codename: string },
): Promise<Record<string, string>> {
  const index = join(dir, "dists", codename, "main");
  const { output } = await run("dpkg", ["--print-architecture"]);
  const records: Record<string, string> = {};
  let list = "";
  for (const [name, { fields, fill }] of Object.entries(packages)) {
    const record = `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody\n${fields}Description: a test\n`;
    const [content, deb] = [join(dir, name), `${name}_1_all.deb`];
    for (const folder of ["DEBIAN", "usr/bin"])
      mkdirSync(join(content, folder), { recursive: true });
    chmodSync(join(content, "DEBIAN"), 0o755);
    writeFileSync(join(content, "DEBIAN/control"), record);
    fill(join(content, "usr/bin"));
    await runOrThrow("dpkg-deb", ["--build", content, join(dir, deb)]);
    const bytes = readFileSync(join(dir, deb));
    const hash = createHash("sha256").update(bytes).digest("hex");
    list += `${record}Filename: ${deb}\nSize: ${bytes.length}\nSHA256: ${hash}\n\n`;
    records[name] = record;
  }
  for (const architecture of ["all", output.trim()]) {
    const folder = join(index, `binary-${architecture}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "Packages"), list);
  }
  return records;
}

test(
  "redis-server is unpacked whole on a machine that has redis-tools",
  { skip: Boolean(own ? false : "there is no apt") },
  async (t) => {
    assert.ok(own);
    const dir = mkdtempSync(join(tmpdir(), "jetscribe-debs-"));
    t.onTestFinished(() => {
      delete process.env.APT_CONFIG;
      rmSync(dir, { recursive: true });
    });
    const archive = join(dir, "archive");
    const records = await makeArchive(archive, own);
    const [sources, status] = [join(dir, "sources.list"), join(dir, "status")];
    // "copy:" as over the network: what is in reach as a file is not fetched.
    writeFileSync(sources, `deb copy:${archive} ${own.codename} main\n`);
    const [first = "", ...more] = (records["redis-tools"] ?? "").split("\n");
    const installed = "Status: install ok installed";
    writeFileSync(status, [first, installed, ...more, ""].join("\n"));
    const config = join(dir, "apt.conf");
    writeFileSync(
      config,
      `Dir::Etc::SourceList "${sources}"; Dir::Etc::SourceParts "/dev/null"; Dir::State::status "${status}"; Acquire::AllowInsecureRepositories "true"; APT::Get::AllowUnauthenticated "true";\n`,
    );
    process.env.APT_CONFIG = config;
    const into = join(dir, "redis");
    const names = ["redis-server", "redis-tools"];
    await unpackDebs(own, own.codename, names, into);
    const program = readFileSync(join(into, "usr/bin/redis-server"), "utf8");
    assert.equal(program, "the program");
  },
);
