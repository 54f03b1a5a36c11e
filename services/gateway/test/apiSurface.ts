/** What callers may rely on, as lines: each route with its parameters, fields and statuses. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}
interface Body {
  content?: Record<string, { schema: Schema }>;
}
interface Operation {
  parameters?: { name: string; in: string; schema: Schema }[];
  requestBody?: Body;
  responses: Record<string, Body>;
}
export interface Described {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

/** Sorted. A line that goes missing is something that a caller may miss; a new line is something new. */
export function surfaceOf({ paths, components = {} }: Described): string[] {
  const named = components.schemas ?? {};
  const lines = new Set<string>();

  function addFields(at: string, schema: Schema): void {
    const { $ref, anyOf, oneOf, items, properties } = schema;
    if ($ref !== undefined) lines.add(`${at}: ${$ref.split("/").at(-1)}`);
    else if (anyOf ?? oneOf)
      for (const part of anyOf ?? oneOf ?? []) addFields(at, part);
    else if (items) addFields(`${at}[]`, items);
    else if (properties)
      for (const [name, inner] of Object.entries(properties))
        addFields(`${at}.${name}`, inner);
    else if (schema.enum)
      for (const value of schema.enum)
        lines.add(`${at}: ${JSON.stringify(value)}`);
    else if (schema.const !== undefined)
      lines.add(`${at}: ${JSON.stringify(schema.const)}`);
    else for (const type of [schema.type ?? "any"].flat()) lines.add(`${at}: ${type}`); // prettier-ignore
  }
  const addBody = (at: string, { content = {} }: Body) => {
    lines.add(at);
    for (const [type, { schema }] of Object.entries(content))
      addFields(`${at} ${type} `, schema);
  };

  for (const [name, schema] of Object.entries(named)) addFields(name, schema);
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) {
      const call = `${method.toUpperCase()} ${path}`;
      lines.add(call);
      for (const { name, in: where, schema } of operation.parameters ?? [])
        addFields(`${call} > ${where} ${name}`, schema);
      if (operation.requestBody) addBody(`${call} >`, operation.requestBody);
      for (const [status, answer] of Object.entries(operation.responses))
        addBody(`${call} < ${status}`, answer);
    }
  return [...lines].sort();
}
