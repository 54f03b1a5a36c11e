/** The system of deploy/compose.yaml, from a fresh clone, under a name and on ports of its own. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { randomBytes, randomInt } from "node:crypto";
import { freePort } from "@jetscribe/testing";
import { makeCheckout, type Checkout } from "./checkout.ts";
import { docker, shell } from "./shell.ts";

export interface ComposeStack extends Checkout {
  url: string;
  /** Of the load balancer, in profile `scale`. */
  balancerUrl: string;
  key: string;
  /** The first three numbers of every address on the outer network. */
  edgeNet: string;
  logDir: string;
  /** `docker compose ARGUMENT...` on it. */
  compose: (...args: string[]) => Promise<string>;
  /** Adds a second compose file, as text. */
  override: (text: string) => Promise<void>;
  /** Up and healthy. */
  up: (...args: string[]) => Promise<void>;
  /** The id of a service's container, running or not. */
  container: (service: string) => Promise<string>;
  /** Takes all of it away: containers, networks, volumes, images, the clone. */
  remove: () => Promise<void>;
}

export async function makeComposeStack(
  settings: Record<string, string> = {},
): Promise<ComposeStack> {
  const checkout = await makeCheckout();
  const name = `jetscribe-test-${randomBytes(3).toString("hex")}`;
  const [port, balancerPort] = [await freePort(), await freePort()];
  const edgeNet = `10.213.${randomInt(100, 250)}`;
  const env = {
    // Of somebody who has set nothing else.
    ...{ PORT: String(port), BALANCER_PORT: String(balancerPort) },
    ...{ IMAGE_PREFIX: name, EDGE_NET: edgeNet, ACK_WAIT: "5s" },
    ...{ EVENTS_MAX_BYTES: "1GiB", HOST: "", API_KEYS: "", LOG_DIR: "" },
    ...settings,
  };
  const files = ["-f", join(checkout.dir, "deploy/compose.yaml")];
  const compose = (...args: string[]) =>
    shell("docker", ["compose", ...files, "-p", name, ...args], { env });
  const [url, balancerUrl] = [port, balancerPort].map(
    (one) => `http://127.0.0.1:${one}`,
  ) as [string, string];

  const stack: ComposeStack = {
    ...checkout,
    ...{ url, balancerUrl, key: "", edgeNet, compose },
    logDir: join(checkout.dir, "logs"),
    async override(text) {
      const file = join(checkout.dir, "override.yaml");
      await writeFile(file, text);
      files.push("-f", file);
    },
    async up(...args) {
      const wait = ["up", "--build", "--wait", "--wait-timeout", "240"];
      await compose(...args, ...wait).catch(async (error: unknown) => {
        const said = await compose("logs", "--no-color", "--tail", "8");
        throw new Error(`${String(error)}\n${said}`);
      });
      stack.key = await compose("exec", "-T", "gateway", "cat", "/data/api-key"); // prettier-ignore
    },
    async container(service) {
      return await compose("ps", "--all", "--quiet", service);
    },
    async remove() {
      const everything = ["--profile", "scale", "down", "--volumes"];
      await compose(...everything, "--rmi", "all", "--timeout", "5");
      await rm(checkout.dir, { recursive: true, force: true });
      const left = await docker("ps", "-aq", "--filter", `name=${name}`);
      if (left !== "") throw new Error(`containers are left: ${left}`);
    },
  };
  return stack;
}
