/** Makes keys through `/admin/keys` while the system runs, uses them, and ends some of them. */
import type { Random } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { call, type Answer } from "./client.ts";
import type { Fleet } from "./fleet.ts";
import { holdStream } from "./holdStream.ts";
import type { Load } from "./load.ts";
import { isUnsure } from "./sendOnce.ts";
import type {
  Creation,
  KeyCall,
  KeyLimits,
  KeysSeen,
  Roll,
  Tenant,
  TenantKind,
} from "./tenant.ts";

export interface Tenants extends KeysSeen {
  /** For about so long; resolves when every one that came has done what it wanted. */
  run(forMs: number): Promise<void>;
  /** While nothing moves: what every gateway says of every key. */
  callRoll(when: string): Promise<void>;
  /** Gives every name a key without limits, which sees its tasks; until then they are out of reach where a key has ended. */
  inherit(): Promise<void>;
}

/** One after the other, in two rows. */
const rows: readonly (readonly TenantKind[])[] = [
  ["revoked", "expiring"],
  ["tokens", "tasks", "rate"],
];
const limitsOf: Record<TenantKind, KeyLimits> = {
  ...{ revoked: {}, expiring: {} },
  tasks: { max_tasks: 3 },
  tokens: { tokens_per_day: 400 },
  rate: { requests_per_minute: 12 },
};
const probeEveryMs = 250;
/** So long it is looked whether a key that has ended is refused. */
const lookedAfterMs = 4_500;
/** At 20 ms each: longer than the key has. */
const heldTokens = 600;
/** The stream, where nothing is in its way. */
const openedWithinMs = 5_000;
const bursts = 4;
const burstOf = 5;
const pauseMs = 400;
const mostRounds = 25;

export function runTenants(fleet: Fleet, load: Load, random: Random): Tenants {
  const { owners, key: admin, url: first, urls = [first] } = fleet;
  const tenants: Tenant[] = [];
  const creations: Creation[] = [];
  const rolls: Roll[] = [];
  let number = 0;
  /** How many came of each row. */
  const came = rows.map(() => 0);

  /** Until the answer is sure. */
  async function surely(
    ask: (url: string) => Promise<Answer>,
  ): Promise<Answer> {
    for (let round = 1; ; round++) {
      const answer = await ask(random.pick(urls));
      if (!isUnsure(answer) || round === mostRounds) return answer;
      await sleep(pauseMs);
    }
  }

  /** Sometimes two at once want the same name. */
  async function make(kind: TenantKind): Promise<Tenant | undefined> {
    for (let round = 0; round < mostRounds; round++) {
      const name = `tenant-${++number}`;
      const limits = limitsOf[kind];
      const expires_in = kind === "expiring" ? random.int(1, 3) : undefined;
      const body = { name, limits, expires_in };
      const asked = Array.from({ length: random.chance(0.3) ? 2 : 1 }, () =>
        call(
          { url: random.pick(urls), key: admin },
          "POST",
          "/admin/keys",
          body,
        ),
      );
      const answers = await Promise.all(asked);
      creations.push(...answers.map((answer) => ({ name, answer })));
      const made = answers.find(({ status }) => status === 201);
      if (made !== undefined) return take(kind, name, limits, made);
      await sleep(pauseMs);
    }
    return undefined;
  }

  function take(
    kind: TenantKind,
    name: string,
    limits: KeyLimits,
    { body, to }: Answer,
  ) {
    const { id, key } = body as { id: string; key: string };
    const expires = body["expires_at"];
    const expiresAt = typeof expires === "number" ? expires * 1_000 : undefined;
    const tenant: Tenant = {
      kind,
      name,
      id,
      key,
      limits,
      madeAt: to,
      expiresAt,
      calls: [],
    };
    owners[name] = key;
    tenants.push(tenant);
    return tenant;
  }

  async function ask(
    tenant: Tenant,
    what: KeyCall["what"],
    url: string,
    path: string,
  ) {
    const answer = await call({ url, key: tenant.key }, "GET", path);
    tenant.calls.push({ ...answer, what, url });
  }

  const probe = (tenant: Tenant) =>
    Promise.all(urls.map((url) => ask(tenant, "probe", url, "/limits")));

  async function probeUntil(tenant: Tenant, isOver: () => boolean) {
    while (!isOver()) {
      await probe(tenant);
      await sleep(probeEveryMs);
    }
  }

  async function live(kind: TenantKind): Promise<void> {
    const tenant = await make(kind);
    if (tenant === undefined) return;
    if (kind === "revoked" || kind === "expiring") await end(tenant);
    else await use(tenant);
  }

  /** A stream and a wait are held while the key ends. */
  async function end(tenant: Tenant): Promise<void> {
    let over = false;
    const opened = Promise.withResolvers<void>();
    const held = hold(tenant, opened.resolve).finally(opened.resolve);
    const probing = probeUntil(tenant, () => over);
    if (tenant.kind === "revoked") {
      await Promise.race([opened.promise, sleep(openedWithinMs)]);
      await sleep(random.int(500, 1_500));
      await revoke(tenant);
    } else await sleep(Math.max(0, (tenant.expiresAt ?? 0) - Date.now()));
    await sleep(lookedAfterMs);
    over = true;
    await probing;
    // However long the last of them took.
    await probe(tenant);
    await held;
  }

  async function hold(tenant: Tenant, onOpen: () => void): Promise<void> {
    const { taskId } = await load.postAs(tenant.name, heldTokens);
    if (taskId === undefined) return;
    const [one, other] = [random.pick(urls), random.pick(urls)];
    const streaming = holdStream({ url: one, key: tenant.key }, taskId, onOpen);
    await Promise.all([
      streaming.then((seen) => tenant.calls.push(seen)),
      ask(tenant, "wait", other, `/result/${taskId}?wait=10`),
    ]);
  }

  async function revoke(tenant: Tenant): Promise<void> {
    tenant.revokedFrom = Date.now();
    const path = `/admin/keys/${tenant.id}`;
    const answer = await surely((url) =>
      call({ url, key: admin }, "DELETE", path),
    );
    if (answer.status === 200) tenant.revokedAt = answer.to;
  }

  /** More at once than the limit allows, again and again. */
  async function use(tenant: Tenant): Promise<void> {
    for (let burst = 0; burst < bursts; burst++) {
      const posts = Array.from({ length: burstOf }, () =>
        load.postAs(tenant.name, random.int(10, 50)),
      );
      await Promise.all([...posts, probe(tenant)]);
      await sleep(pauseMs);
    }
  }

  /** `GET /limits`, which may have to wait for Redis. */
  async function standingOf(url: string, { key }: Tenant): Promise<Answer> {
    for (let round = 1; ; round++) {
      const answer = await call({ url, key }, "GET", "/limits");
      if (!isUnsure(answer) || round === mostRounds) return answer;
      await sleep(pauseMs);
    }
  }

  return {
    ...{ tenants, creations, rolls },
    async run(forMs) {
      const until = performance.now() + forMs;
      const going = rows.map(async (kinds, row) => {
        const nth = () => came[row] ?? 0;
        // Each kind comes, however slow the machine is.
        while (performance.now() < until || nth() < kinds.length) {
          const kind = kinds[nth() % kinds.length];
          came[row] = nth() + 1;
          if (kind !== undefined) await live(kind);
        }
      });
      await Promise.all(going);
    },
    async callRoll(when) {
      for (const url of urls) {
        const at = Date.now();
        const keys = await call({ url, key: admin }, "GET", "/admin/keys");
        const standings = await Promise.all(
          tenants.map(
            async (one) => [one.name, await standingOf(url, one)] as const,
          ),
        );
        rolls.push({ when, at, url, keys, standings: new Map(standings) });
      }
    },
    async inherit() {
      for (const { name } of tenants) {
        const body = { name, rotate: true };
        const answer = await surely((url) =>
          call({ url, key: admin }, "POST", "/admin/keys", body),
        );
        creations.push({ name, answer, rotates: true });
        if (answer.status === 201) owners[name] = String(answer.body["key"]);
      }
    },
  };
}
