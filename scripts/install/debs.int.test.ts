import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { distribution, unpackDebs } from "./debs.mjs";
import { run } from "./run.mjs";

const own = distribution();

const ofTheArchive =
  /^(Filename|Size|MD5sum|SHA256|Description-md5|Tag|Section|Priority):/;

/**
 * As apt sees a machine with the newest redis-tools and what that needs, but no redis-server: apt's configuration, or
 * undefined where apt reaches no archive.
 */
async function pretendRedisTools(dir: string): Promise<string | undefined> {
  const [file, config] = [join(dir, "status"), join(dir, "apt.conf")];
  const [lists, cache] = [join(dir, "lists"), join(dir, "cache")];
  for (const folder of [lists, cache])
    mkdirSync(join(folder, "partial"), { recursive: true });
  writeFileSync(
    config,
    `Dir::State::Lists "${lists}"; Dir::Cache "${cache}"; APT::Sandbox::User ""; Debug::NoLocking "true";\n`,
  );
  const env = { APT_CONFIG: config };
  if ((await run("apt-get", ["update"], { env })).code !== 0) return undefined;
  const flags = ["-s", "--no-install-recommends", "install", "redis-tools"];
  const plan = await run("apt-get", flags, { env });
  const names = [...plan.output.matchAll(/^Inst (\S+)/gm)].map(([, n]) => n);
  if (names.length === 0) return undefined;
  let status = readFileSync("/var/lib/dpkg/status", "utf8");
  for (const name of names) {
    const { output } = await run("apt-cache", ["show", String(name)], { env });
    const [record = ""] = output.split("\n\n");
    const lines = record.split("\n").filter((line) => !ofTheArchive.test(line));
    lines.splice(1, 0, "Status: install ok installed");
    status += `\n${lines.join("\n")}\n`;
  }
  writeFileSync(file, status);
  appendFileSync(config, `Dir::State::status "${file}";\n`);
  return config;
}

test(
  "redis-server is unpacked whole on a machine that has redis-tools",
  { skip: Boolean(own ? false : "there is no apt") },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "jetscribe-debs-"));
    t.onTestFinished(() => {
      delete process.env.APT_CONFIG;
      rmSync(dir, { recursive: true });
    });
    const config = await pretendRedisTools(dir);
    if (!config) return t.skip("apt reaches no archive");
    process.env.APT_CONFIG = config;
    assert.ok(own);
    const into = join(dir, "redis");
    const names = ["redis-server", "redis-tools"];
    await unpackDebs(own, own.codename, names, into);
    const program = readFileSync(join(into, "usr/bin/redis-server"));
    assert.equal(program.subarray(1, 4).toString(), "ELF");
  },
);
