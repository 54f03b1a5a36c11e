/** The calls on NATS as parts of the AsyncAPI document: each has a channel, and one for its answers, which go to inboxes. */
import {
  apiSchemaOf,
  makeNames,
  statusHeader,
  type ApiCall,
} from "@jetscribe/schema";
import { acceptedExample } from "../../services/gateway/src/http/accepted.ts";
import {
  completedExample,
  taskIdExample,
} from "../../services/gateway/src/http/examples.ts";
import { exampleOf } from "../../services/gateway/src/calls/problem.ts";
import { headers, text } from "./eventHeaders.ts";

const names = makeNames();

interface ApiMessage {
  title: string;
  summary: string;
  headers: object;
  example: { headers: object; payload: unknown };
}

const trace = {
  traceparent: text("W3C Trace Context: it goes with the events."),
};
const ofGenerate = {
  ...trace,
  "Idempotency-Key": text("The same key with the same request within 24 h gets the same task, however often it is sent. It is one with that of REST."), // prettier-ignore
  "Cancel-After": text("Seconds after its acceptance when the task is cancelled if it has no outcome."), // prettier-ignore
  Prefer: text("RFC 7240: `wait=N`, seconds. The answer is the outcome if that is there in time."), // prettier-ignore
};
const status = (about: string, statuses: string[]) => ({
  [statusHeader]: text(about, { enum: statuses }),
});
const rate = {
  "RateLimit-Limit": text("The calls that the owner may make in a minute; absent: there is no limit."), // prettier-ignore
  "RateLimit-Remaining": text("Those that are left."),
  "RateLimit-Reset": text("Seconds until the minute is over."),
};

/** Of each call: what is asked, and what is answered. */
const calls: Record<ApiCall, { asked: ApiMessage; answered: ApiMessage }> = {
  generate: {
    asked: {
      title: "Generate",
      summary: "A prompt. The fields are those of `POST /generate`.",
      headers: headers({}, ofGenerate),
      example: {
        headers: { "Idempotency-Key": "order-17" },
        payload: { prompt: "What is the capital of France?", max_tokens: 16 },
      },
    },
    answered: {
      title: "Generate, answered",
      summary: "The request is stored; or, where it was waited for, its outcome.", // prettier-ignore
      headers: headers(
        status("202: it is stored. 200: this is the outcome.", ["202", "200"]),
        {
          ...rate,
          "Idempotency-Replayed": text("`true`: an earlier call with the same Idempotency-Key made the task."), // prettier-ignore
          "Preference-Applied": text("The wait that was kept to."),
        },
      ),
      example: { headers: { [statusHeader]: "202" }, payload: acceptedExample },
    },
  },
  result: {
    asked: {
      title: "Result",
      summary: "What came of a task?",
      headers: headers({}, trace),
      example: { headers: {}, payload: { task_id: taskIdExample, wait: 30 } },
    },
    answered: {
      title: "Result, answered",
      summary: "The outcome, or that there is none yet.",
      headers: headers(
        status("200: this is the outcome. 202: there is none yet.", ["200", "202"]), // prettier-ignore
        rate,
      ),
      example: { headers: { [statusHeader]: "200" }, payload: completedExample }, // prettier-ignore
    },
  },
  cancel: {
    asked: {
      title: "Cancel",
      summary: "A task is needed no more.",
      headers: headers({}, trace),
      example: { headers: {}, payload: { task_id: taskIdExample } },
    },
    answered: {
      title: "Cancel, answered",
      summary: "The task is cancelled.",
      headers: headers(status("It is cancelled.", ["200"]), rate),
      example: {
        headers: { [statusHeader]: "200" },
        payload: { status: "cancelled", task_id: taskIdExample },
      },
    },
  },
};

const refused: ApiMessage = {
  title: "A call, refused",
  summary: "What REST would answer: problem details of RFC 9457.",
  headers: headers(
    {
      [statusHeader]: text("The status that REST answers with."),
      "Nats-Service-Error": text("The title of the problem."),
      "Nats-Service-Error-Code": text("The status again, where the protocol of NATS micro services has it."), // prettier-ignore
    },
    { ...rate, "Retry-After": text("Seconds after which to come back.") },
  ),
  example: {
    headers: {
      [statusHeader]: "429",
      "Nats-Service-Error": "Too many unfinished tasks",
      "Nats-Service-Error-Code": "429",
      "Retry-After": "5",
    },
    payload: exampleOf("too_many_tasks"),
  },
};

const entries = Object.entries(calls) as [ApiCall, (typeof calls)[ApiCall]][];
const idOf = (call: ApiCall) => calls[call].asked.title;
const message = (id: string) => ({ $ref: `#/components/messages/${id}` });
const inChannel = (channel: string, id: string) => ({
  $ref: `#/channels/${channel}/messages/${id}`,
});

export const apiMessages = (): [string, object][] => [
  ...entries.flatMap(([call, { asked, answered }]): [string, object][] => [
    [
      idOf(call),
      messageOf(`jetscribe.api.${call}`, asked, apiSchemaOf(call, "asked")),
    ],
    [
      `${idOf(call)}Answer`,
      messageOf(
        `jetscribe.api.${call}.answer`,
        answered,
        apiSchemaOf(call, "answered"),
      ),
    ],
  ]),
  [
    "Refusal",
    messageOf(
      "jetscribe.api.refusal",
      refused,
      apiSchemaOf("generate", "refused"),
    ),
  ],
];

const messageOf = (
  name: string,
  { example, ...told }: ApiMessage,
  schema: object,
) => ({
  ...{ name, contentType: "application/json", ...told },
  payload: {
    schemaFormat: "application/schema+json;version=draft-07",
    schema,
  },
  examples: [{ name, ...example }],
});

export const apiChannels = (): [string, object][] =>
  entries.flatMap(([call]): [string, object][] => {
    const id = idOf(call);
    const answer = `${id}Answer`;
    return [
      [
        id,
        {
          address: names.subjects.api(call, "{owner}"),
          messages: { [id]: message(id) },
          parameters: { owner: { $ref: "#/components/parameters/owner" } },
        },
      ],
      [
        answer,
        {
          address: null,
          description: "The inbox that the caller named as the reply subject.",
          messages: { [answer]: message(answer), Refusal: message("Refusal") },
        },
      ],
    ];
  });

export const apiOperations = (): [string, object][] =>
  entries.map(([call, { asked }]) => {
    const id = idOf(call);
    const answer = `${id}Answer`;
    return [
      `receive${id}`,
      {
        action: "receive",
        channel: { $ref: `#/channels/${id}` },
        summary: asked.summary,
        messages: [inChannel(id, id)],
        reply: {
          channel: { $ref: `#/channels/${answer}` },
          messages: [inChannel(answer, answer), inChannel(answer, "Refusal")],
        },
      },
    ];
  });
