/** @typedef {{ worker_id?: string, model?: string, engine?: string, model_loaded?: boolean, warnings?: string[],
 *   error?: unknown }} Worker */
/**
 * @typedef {object} Health
 * @property {boolean} healthy
 * @property {string} status
 * @property {boolean | string | undefined} nats
 * @property {boolean | string | undefined} redis
 * @property {string | undefined} [storesNothing] why the broker, though connected, stores nothing
 * @property {Worker[]} workers
 * @property {{ name: string, error?: string }[]} projections that were heard
 * @property {string[]} away services that should have been heard
 */

/**
 * One look at `GET /health`.
 * @param {string} url of the gateway
 * @returns {Promise<Health | undefined>} undefined: it doesn't answer (yet)
 */
export async function readHealth(url) {
  try {
    const response = await fetch(`${url}/health`, {
      signal: AbortSignal.timeout(3000),
    });
    const body = /** @type {any} */ (await response.json());
    return {
      healthy: response.ok,
      status: String(body.status ?? response.status),
      nats: body.nats,
      redis: body.redis,
      storesNothing: body.stores_nothing,
      workers: Array.isArray(body.workers) ? body.workers : [],
      projections: Array.isArray(body.projections) ? body.projections : [],
      away: Array.isArray(body.away) ? body.away : [],
    };
  } catch {
    return undefined;
  }
}

/**
 * What the workers report as broken, one line each.
 * @param {Health} health
 */
export function workerErrors(health) {
  return health.workers.flatMap(({ worker_id, error }) =>
    error ? [`worker ${worker_id ?? "?"}: ${describe(error)}`] : [],
  );
}

/**
 * The services that read the log and don't work, one line each.
 * @param {Health} health
 */
export function projectionErrors({ projections, away }) {
  return [
    ...projections.flatMap(({ name, error }) =>
      error ? [`${name}: ${error}`] : [],
    ),
    ...away.map((name) => `${name}: it is down, or ends again and again`),
  ];
}

/**
 * Whether each service that reads the log has been heard, or is known to be away.
 * @param {Health} health
 */
export function allHeard({ projections, away }) {
  const known = [...projections.map(({ name }) => name), ...away];
  return ["results", "logger"].every((name) => known.includes(name));
}

/**
 * What the workers have not got as it was asked for, each once.
 * @param {Health} health
 */
export function workerWarnings(health) {
  return [...new Set(health.workers.flatMap(({ warnings = [] }) => warnings))];
}

/**
 * What a system that isn't healthy yet waits for, in words.
 * @param {Health | undefined} health
 */
export function waitsFor(health) {
  if (!health) return "the gateway to answer";
  if (health.workers.length === 0) return "a worker to announce itself";
  const loading = health.workers.find(({ model_loaded }) => !model_loaded);
  if (loading) return `the model ${loading.model ?? ""} to be loaded`;
  if (health.healthy) return "results and logger to announce themselves";
  return `status ${health.status}`;
}

/** @param {unknown} error a text, or {type, message} */
function describe(error) {
  if (typeof error !== "object" || error === null) return String(error);
  const { type, message } = /** @type {{ type?: string, message?: string }} */ (
    error
  );
  return [type, message].filter(Boolean).join(": ");
}
