import type { HistoryEvent } from "@jetscribe/schema";
import { isReadOnly } from "../api/link.ts";
import { count } from "../format.ts";
import { isOpen } from "../taskStatus.ts";
import { LongText } from "./LongText.tsx";
import type { OpenTask } from "./openTask.ts";

/** Prompt and result, as far as the key may read them. */
export function Texts({ task }: { task: OpenTask }) {
  const { value: request } = task.request;
  const { value: outcome } = task.outcome;
  if (task.isForeign.value && !task.isOpened.value)
    return isReadOnly.value ? <NotByLink /> : <Closed task={task} />;
  const status = task.page.value?.status ?? "queued";
  const prompt = request && promptOf(request.data);
  const live = isOpen(status) ? task.text.value : undefined;
  const reasoning = outcome?.type === "GenerateCompleted" ? outcome.data.reasoning : undefined; // prettier-ignore
  const result = outcome && resultOf(outcome);
  return (
    <section class="texts">
      {request && (
        <div>
          <h2>Prompt</h2>
          {prompt === undefined ? (
            <NotShown what="The prompt" />
          ) : (
            <LongText name="prompt" text={prompt} />
          )}
        </div>
      )}
      {reasoning !== undefined && (
        <div>
          <h2>Reasoning</h2>
          <LongText name="reasoning" text={reasoning} />
        </div>
      )}
      <div>
        <h2>
          {outcome && outcome.type !== "GenerateCompleted"
            ? "Text so far"
            : "Result"}
          {live !== undefined && (
            <span class="note"> {count(live.length)} characters so far</span>
          )}
        </h2>
        {result !== undefined ? (
          <LongText name="result" text={result} />
        ) : live !== undefined ? (
          <pre class="text live" tabIndex={0} aria-label="Text so far">
            {live.slice(-20_000)}
          </pre>
        ) : isOpen(status) ? (
          <p class="note">
            {status === "queued"
              ? "It has not started."
              : "It has not written anything yet."}
          </p>
        ) : (
          <NotShown what="The text" />
        )}
      </div>
    </section>
  );
}

/** Another owner's texts, before somebody asks for them. */
function Closed({ task }: { task: OpenTask }) {
  return (
    <section class="texts">
      <div>
        <h2>Prompt and result</h2>
        <p class="note">
          They are another owner's. That your key opened them is recorded, and
          stands on this page for the owner.
        </p>
        <button type="button" onClick={() => void task.openTexts()}>
          Open the texts
        </button>
      </div>
    </section>
  );
}

const NotByLink = () => (
  <section class="texts">
    <p class="note">The link shows no texts of another owner&apos;s tasks.</p>
  </section>
);

function NotShown({ what }: { what: string }) {
  return (
    <p class="note">
      {what} is not shown: there is none, it has expired, or{" "}
      {isReadOnly.value ? "the link" : "the key"} lacks the scope{" "}
      <code>read:text</code>.
    </p>
  );
}

type Requested = Extract<HistoryEvent, { type: "GenerateRequested" }>["data"];

function promptOf({ prompt, messages }: Requested): string | undefined {
  if (prompt !== undefined) return prompt;
  return messages
    ?.map(({ role, content }) => `${role}:\n${content}`)
    .join("\n\n");
}

function resultOf(outcome: HistoryEvent): string | undefined {
  if (outcome.type === "GenerateCompleted") return outcome.data.result;
  return "partial_text" in outcome.data ? outcome.data.partial_text : undefined;
}
