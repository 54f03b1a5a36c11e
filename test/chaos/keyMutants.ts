/** Mutants of API keys and of their limits. */
import type { Mutant } from "./mutant.ts";

export const keyMutants: readonly Mutant[] = [
  {
    name: "a revoked key goes on to work",
    file: "services/gateway/src/keys/keyRing.ts",
    find: ".filter(({ revoked_at }) => revoked_at === undefined)",
    replace: "",
    run: "calm",
    caught: /a probe at .* got 200 \d+ ms after its key had ended/,
  },
  {
    name: "a stream outlives its key",
    file: "services/gateway/src/keys/keyRing.ts",
    find: "end.abort(ended);",
    replace: "",
    run: "calm, once more",
    caught: /a stream at .* got 200 \d+ ms after its key had ended/,
  },
  {
    name: "one task more than the limit",
    file: "services/gateway/src/admission/limits.ts",
    find: "if (limit === undefined || tasks < limit) return undefined;",
    replace: "if (limit === undefined || tasks <= limit) return undefined;",
    run: "calm",
    caught: /has \d+ unfinished tasks, \d+ are allowed/,
  },
  {
    name: "what a gateway just accepted takes no tokens",
    file: "services/gateway/src/admission/limits.ts",
    find: "(reserved?.get(owner) ?? 0) + own.of(owner).tokens",
    replace: "(reserved?.get(owner) ?? 0)",
    run: "calm",
    caught: /has \d+ tokens, \d+ are allowed/,
  },
  {
    name: "only the answer's tokens are spent",
    file: "packages/task-store/src/dayTokens.ts",
    find: "add(key, owner, prompt_tokens + completion_tokens);",
    replace: "add(key, owner, completion_tokens);",
    run: "calm, once more",
    caught: /says that .* has spent \d+, .* the log \d+/,
  },
  {
    name: "calls are not counted",
    file: "services/gateway/src/http/limitRequests.ts",
    find: "done(use.allowed ? undefined : rateLimited(use));",
    replace: "done();",
    run: "calm",
    caught: /calls in its minute, \d+ are allowed/,
  },
  {
    name: "a gateway that starts knows no key that was there",
    file: "packages/event-log/src/keys/keyLog.ts",
    find: "({ lastSeq } = await streamState(broker, stream)); return 1;",
    replace:
      "({ lastSeq } = await streamState(broker, stream)); return lastSeq + 1;",
    run: "starts",
    caught: /started anew: .* does not know the key/,
  },
  {
    name: "tokens of the day are lost with Redis",
    file: "packages/task-store/src/dayTokens.ts",
    find: "if (isOpen(after) || (before !== undefined && !isOpen(before))) continue;",
    replace:
      "if (isOpen(after) || before === undefined || !isOpen(before)) continue;",
    run: "calm",
    caught: /started anew: .* says that .* has spent \d+/,
  },
];
