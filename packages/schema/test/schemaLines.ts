type Json = Record<string, unknown>;

/** What describes a schema and checks nothing. */
const prose = new Set(["$id", "$schema", "title", "description"]);

/**
 * What JSON Schemas, by their names, say, as sorted lines. A version of an event may gain lines, by a new optional field
 * or a new value, and never loses one: that would be another version.
 */
export function linesOf(schemas: Readonly<Record<string, Json>>): string[] {
  const lines = new Set<string>();
  function add(at: string, value: unknown): void {
    if (Array.isArray(value)) for (const one of value) add(`${at}[]`, one);
    else if (typeof value === "object" && value !== null)
      for (const [name, inner] of Object.entries(value)) {
        // A field may have the name of a keyword.
        if (at.endsWith(".properties") || !prose.has(name))
          add(`${at}.${name}`, inner);
      }
    else lines.add(`${at}: ${JSON.stringify(value)}`);
  }
  for (const [name, schema] of Object.entries(schemas)) add(name, schema);
  return [...lines].sort();
}
