/**
 * The gateway behind a path of a proxy (PUBLIC_PATH, such as `/llm`). Some proxies take the prefix off before they hand a
 * request on, others don't: it is served with and without. What it answers carries it.
 */

/** fastify's `rewriteUrl`. */
export const withoutPrefix =
  (prefix: string) =>
  ({ url = "/" }: { url?: string | undefined }): string => {
    const rest = url.slice(prefix.length);
    if (!url.startsWith(prefix) || !/^([/?]|$)/.test(rest)) return url;
    return rest.startsWith("/") ? rest : `/${rest}`;
  };
