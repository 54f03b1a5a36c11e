import type { ComponentChildren } from "preact";
import { count, duration } from "../format.ts";
import { Time } from "../parts/Time.tsx";
import { hrefOf } from "../route.ts";
import type { OpenTask } from "./openTask.ts";

/** What is known of a task in a few words each. */
export function Facts({ task }: { task: OpenTask }) {
  const { value: request } = task.request;
  const { value: outcome } = task.outcome;
  const metrics = outcome?.data.metrics;
  return (
    <>
      {outcome?.type === "GenerateFailed" && (
        <div class="error-note">
          <b>{outcome.data.error.type}</b>
          <span>{outcome.data.error.message}</span>
        </div>
      )}
      <dl class="facts">
        {request && (
          <>
            <Fact name="Accepted">
              <Time s={request.time} />
            </Fact>
            <Fact name="Model">
              {request.data.model}
              {request.data.lane === "batch" && " (batch)"}
            </Fact>
            <Fact name="Owner">{request.data.owner}</Fact>
            {request.data.user_id && (
              <Fact name="User">
                <SearchLink word={`user:${quoted(request.data.user_id)}`}>
                  {request.data.user_id}
                </SearchLink>
              </Fact>
            )}
            <Fact name="max_tokens">
              {count(request.data.params.max_tokens)}
            </Fact>
          </>
        )}
        {metrics && (
          <>
            <Fact name="Tokens">
              {count(metrics.prompt_tokens)} read,{" "}
              {count(metrics.completion_tokens)} written
            </Fact>
            {metrics.tokens_per_second > 0 && (
              <Fact name="Speed">
                {metrics.tokens_per_second.toFixed(1)} tokens/s
              </Fact>
            )}
            {metrics.time_to_first_token !== undefined && (
              <Fact name="First token">
                {duration(metrics.time_to_first_token)}
              </Fact>
            )}
          </>
        )}
        {outcome?.type === "GenerateCompleted" && (
          <Fact name="Ended by">{outcome.data.finish_reason}</Fact>
        )}
        {outcome?.type === "GenerateCancelled" && (
          <Fact name="Cancelled">
            by {outcome.data.by}, while {outcome.data.stage}:{" "}
            {outcome.data.reason}
          </Fact>
        )}
        {Object.entries(request?.data.metadata ?? {}).map(([key, value]) => (
          <Fact key={key} name={key}>
            <SearchLink word={`${quoted(key)}=${quoted(value)}`}>
              {value}
            </SearchLink>
          </Fact>
        ))}
      </dl>
    </>
  );
}

function Fact({
  name,
  children,
}: {
  name: string;
  children: ComponentChildren;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function SearchLink({
  word,
  children,
}: {
  word: string;
  children: ComponentChildren;
}) {
  const query = new URLSearchParams({ q: word });
  return <a href={hrefOf("tasks", { query })}>{children}</a>;
}

const quoted = (text: string): string => (/\s/.test(text) ? `"${text}"` : text);
