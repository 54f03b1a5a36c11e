/** Answers of a running system, as they stand in the document; tests hold them against the schemas and against a system. */

export const taskIdExample = "01a223a2-500a-7000-b91f-8c3d85cca0f1";

export const completedExample = {
  status: "completed",
  task_id: taskIdExample,
  result: "The capital of France is Paris.",
  finish_reason: "stop",
  metrics: {
    queue_wait_time: 0.001199483871459961,
    processing_time: 0.013109683990478516,
    total_time: 0.014309167861938477,
    prompt_tokens: 19,
    completion_tokens: 9,
    tokens_per_second: 686.5154039209981,
    time_to_first_token: 0.00610661506652832,
  },
  model: "demo",
  params: {
    ...{ max_tokens: 16, temperature: 0, top_p: 0.9, seed: 2473764307 },
    ...{ top_k: 0, min_p: 0, repeat_penalty: 1 },
    ...{ presence_penalty: 0, frequency_penalty: 0 },
  },
  cached_tokens: 0,
  model_sha256:
    "57e68334bce3ca741c5d6c0482f6cd22182c9e9a87ed2591dfb4f0bd4a1f4d04",
  quantization: "Q8_0",
};

export const streamExample = `event: status
data: {"task_id":"${taskIdExample}","status":"processing","attempt":1}

id: 1.1
event: token
data: {"text":"The capital"}

id: 1.2
event: token
data: {"text":" of France is Paris."}

id: end
event: completed
data: ${JSON.stringify(completedExample)}

`;

const feedTask = {
  ...{ task_id: taskIdExample, status: "processing", model: "demo" },
  ...{ lane: "interactive", attempt: 1 },
  ...{ requested_at: 1795894184.603, started_at: 1795894184.604 },
};

const range = { first_seq: 1, last_seq: 9 };
const failedEvent = {
  ...{ seq: 9, time: 1795894190.21, type: "GenerateFailed" },
  ...{ task_id: taskIdExample, model: "demo", lane: "interactive" },
  error_type: "TimeoutError",
};

export const momentExample = {
  ...{ seq: 9, ...range, time: 1795894190.21, event: failedEvent },
  rows: [
    {
      ...{ model: "demo", lane: "interactive", queued: 3, running: 2 },
      oldest_at: 1795894184.603,
    },
  ],
  failures: [
    {
      ...{ error_type: "TimeoutError", model: "demo", count: 1 },
      ...{ last_at: 1795894190.21, last_task_id: taskIdExample },
    },
  ],
};

export const densityExample = {
  ...{ ...range, from: 1795894180, bucket_s: 10, events: [7, 2] },
};

export const logExample = {
  ...{ ...range, events: [failedEvent], next: "/log?limit=1&before=9" },
};

export const feedExample = `id: 101
event: snapshot
data: ${JSON.stringify({ view: "tasks", seq: 101, tasks: [feedTask] })}

id: 102
event: events
data: ${JSON.stringify({
  seq: 102,
  events: [
    {
      ...{ seq: 102, time: 1795894184.618, type: "GenerateCompleted" },
      ...{ task_id: taskIdExample, model: "demo", lane: "interactive" },
    },
  ],
})}

`;

export const healthExample = {
  status: "healthy",
  nats: true,
  redis: true,
  workers: [
    {
      worker_id: "demo-1",
      model: "demo",
      engine: "llama",
      model_loaded: true,
      live: true,
      slots: 4,
      device: "cpu",
      tokens_per_second: 686.5,
      busy: 0,
    },
  ],
  projections: [
    { name: "logger", seq: 12, caught_up: true },
    { name: "results", seq: 12, caught_up: true },
  ],
};

const storedAt = 1_795_894_184.604;

export const historyExample = {
  task_id: taskIdExample,
  status: "completed",
  events: [
    {
      ...{ seq: 1, time: storedAt, type: "GenerateRequested" },
      data: {
        ...{ task_id: taskIdExample, model: "demo", lane: "interactive" },
        ...{ owner: "default", prompt: "What is the capital of France?" },
        params: { max_tokens: 16, temperature: 0, top_p: 0.9 },
        ...{ timeout_ms: 300_000, start_timeout_ms: 3_600_000 },
        ...{ enqueue_time: storedAt - 0.001 },
        tasks_ahead: { own: 2, others: 1 },
      },
    },
    {
      ...{ seq: 2, time: storedAt + 0.25, type: "GenerateStarted" },
      data: {
        ...{ task_id: taskIdExample, attempt: 1, worker_id: "vm-4ffe5d4e" },
        ...{ start_time: storedAt + 0.25, queue_wait_time: 0.251 },
      },
    },
    {
      ...{ seq: 5, time: storedAt + 0.5, type: "GenerateCompleted" },
      data: {
        ...{ task_id: taskIdExample, attempt: 1, worker_id: "vm-4ffe5d4e" },
        result: "The capital of France is Paris.",
        finish_reason: "stop",
        metrics: {
          ...{ queue_wait_time: 0.251, processing_time: 0.25 },
          ...{ total_time: 0.501, prompt_tokens: 19, completion_tokens: 9 },
          ...{ tokens_per_second: 36, time_to_first_token: 0.125 },
        },
      },
    },
  ],
  timing: {
    start: storedAt - 0.001,
    end: storedAt + 0.5,
    total: 0.501,
    parts: [
      {
        ...{ part: "gateway", attempt: 1 },
        ...{ start: storedAt - 0.001, seconds: 0.001 },
      },
      { part: "queue", attempt: 1, start: storedAt, seconds: 0.25 },
      {
        ...{ part: "prompt", attempt: 1, worker_id: "vm-4ffe5d4e" },
        ...{ start: storedAt + 0.25, seconds: 0.125 },
      },
      {
        ...{ part: "generation", attempt: 1, worker_id: "vm-4ffe5d4e" },
        ...{ start: storedAt + 0.375, seconds: 0.125 },
      },
    ],
    tasks_ahead: { own: 2, others: 1 },
    projection: null,
  },
};

export const statisticsExample = {
  ...{ seq: 1_204, step: 60, from: 1795894140, to: 1795894260 },
  rows: [
    {
      time: 1795894140,
      ...{ accepted: 41, started: 40, retried: 0 },
      ...{ completed: 38, failed: 1, cancelled: 0 },
      failures: { ExpiredError: 1 },
      ...{ prompt_tokens: 702, completion_tokens: 341 },
      ...{ waiting: 2, running: 2 },
      wait: {
        ...{ count: 38, sum: 3.1, p50: 0.0587, p95: 0.235, p99: 0.279 },
      },
      first_token: {
        ...{ count: 38, sum: 0.31, p50: 0.00734, p95: 0.0147, p99: 0.0175 },
      },
      processing: {
        ...{ count: 38, sum: 0.62, p50: 0.0147, p95: 0.0247, p99: 0.0293 },
      },
      total: {
        ...{ count: 39, sum: 33.7, p50: 0.0698, p95: 0.279, p99: 29.9 },
      },
    },
  ],
};
export const metricsExample = `# HELP jetscribe_tasks_waiting Tasks that wait for a worker.
# TYPE jetscribe_tasks_waiting gauge
jetscribe_tasks_waiting{model="demo",lane="interactive"} 3
`;
