/** References inside of a schema. */
import { isObject, type Path, type Schema } from "./keywords.ts";

/** What `#` or `#/$defs/<name>` refers to; undefined where there is no such thing. */
export function targetOf(
  root: Schema,
  reference: unknown,
): { schema: unknown; path: Path } | undefined {
  if (reference === "#") return { schema: root, path: [] };
  const [, escaped] =
    typeof reference === "string"
      ? (/^#\/\$defs\/([^/]+)$/.exec(reference) ?? [])
      : [];
  const name = escaped === undefined ? undefined : unescape(escaped);
  const { $defs } = root;
  if (name === undefined || !isObject($defs) || !Object.hasOwn($defs, name))
    return undefined;
  return { schema: $defs[name], path: ["$defs", name] };
}

/** A name in a JSON pointer in a URI. */
function unescape(name: string): string | undefined {
  try {
    return decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return undefined;
  }
}
