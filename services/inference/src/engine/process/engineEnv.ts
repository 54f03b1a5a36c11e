/** What the engine's process gets of the worker's environment. */

/**
 * Settings of the system that hold a secret, or say where a server is: the engine runs native code on files from elsewhere,
 * and is told what it needs by messages. Everything else stays: drivers and libraries have variables of their own.
 */
const keptBack =
  /^(NATS|REDIS|WEBHOOK|UPSTREAM|NGROK|OTEL|JETSCRIBE)_|^API_KEYS$|^OWN_BROKER_DIR$/i;

export const engineEnv = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(([name]) => !keptBack.test(name)),
  );
