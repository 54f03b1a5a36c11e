/**
 * From a JSON Schema (2020-12) to the form of an answer. What the answer can't be held to is refused by its place and
 * keyword; annotations are passed over.
 */
import { anything, type Form, type Scalar } from "./form.ts";
import {
  annotations,
  applicable,
  isObject,
  isScalar,
  jsonTypes,
  pointer,
  targetOf,
  type JsonType,
  type Path,
  type Schema,
  type SchemaProblem,
} from "./keywords.ts";
import { readList, readObject, readText, type Inside } from "./readContents.ts";
import { isEmpty, onlyOf, union, type UnionKeyword } from "./union.ts";

/** References and unions in each other, without a property or an item between them. */
const maxReferences = 64;

/** The schema must not be nested deeper than the stack is. */
export function readSchema(root: Schema) {
  const problems: SchemaProblem[] = [];
  const forms = new Map<Schema, Form>();
  const schemas = new Map<Form, Schema>();
  /** Where the schema of a form stands, to name it in a refusal. */
  const places = new Map<Form, Path>();
  /** Forms that are not read yet, so that a schema may contain itself. */
  const pending = new Map<Form, () => Form>();
  const reading = new Set<Form>();

  const refuse = (path: Path, keyword: string, message: string): void => {
    const field = keyword === "" ? path : [...path, keyword];
    problems.push({ path: field, message: `${pointer(field)}: ${message}` });
  };

  /** The form of a schema inside of another one; it is read later. */
  function later(schema: unknown, path: Path): Form {
    if (path.at(-1) === "__proto__")
      refuse(path, "", "a property or definition of this name is refused");
    if (schema === true) return anything;
    if (schema === false) return { values: [], objects: [] };
    if (!isObject(schema)) {
      refuse(path, "", "expected a schema: an object, true or false");
      return anything;
    }
    const known = forms.get(schema);
    if (known !== undefined) return known;
    const form: Form = { values: [], objects: [] };
    forms.set(schema, form);
    schemas.set(form, schema);
    places.set(form, path);
    pending.set(form, () => read(schema, path));
    return form;
  }

  /** The form of a schema, read. */
  function now(schema: unknown, path: Path): Form {
    const form = later(schema, path);
    finish(form);
    return form;
  }

  function finish(form: Form): void {
    if (reading.has(form) || reading.size > maxReferences) {
      refuse(
        places.get(form) ?? [],
        "",
        "it is defined by itself, or too deep",
      );
      return;
    }
    const make = pending.get(form);
    if (make === undefined) return;
    pending.delete(form);
    reading.add(form);
    Object.assign(form, make());
    reading.delete(form);
  }

  function read(schema: Schema, path: Path): Form {
    const { kind, type } = refuseUnknown(schema, path);
    const form = readKind(kind ?? type, schema, path);
    if (kind === undefined || type === undefined) return form;
    const only = onlyOf(form, type);
    if (isEmpty(only) && !isEmpty(form))
      refuse(path, "type", `nothing in ${kind} is of this type`);
    return only;
  }

  /** Names every keyword that would have no effect; gives the one that decides, and the type if it is one. */
  function refuseUnknown(schema: Schema, path: Path) {
    const { type } = schema;
    const isType = typeof type === "string" && jsonTypes.has(type);
    if (type !== undefined && !isType)
      refuse(
        path,
        "type",
        `expected one of ${[...jsonTypes].join(", ")}; for several use anyOf`,
      );
    const known = isType ? (type as JsonType) : undefined;
    const { kind, keywords } = applicable(schema, known);
    for (const keyword of Object.keys(schema))
      if (keyword === "$defs" || keyword === "$schema") {
        if (path.length > 0) refuse(path, keyword, "only at the top");
      } else if (!keywords.has(keyword) && !annotations.has(keyword))
        refuse(path, keyword, unknownHere(kind, type));
    return { kind, type: known };
  }

  function readKind(
    kind: ReturnType<typeof refuseUnknown>["kind"] | JsonType,
    schema: Schema,
    path: Path,
  ): Form {
    const no = { values: [], objects: [] };
    const inside: Inside = {
      refuse: (keyword, message) => refuse(path, keyword, message),
      later: (inner, ...steps) => later(inner, [...path, ...steps]),
    };
    switch (kind) {
      case undefined:
        return anything;
      case "enum":
        return readValues(schema, path);
      case "anyOf":
      case "oneOf":
        return readUnion(kind, schema[kind], path);
      case "$ref":
        return readReference(schema["$ref"], path);
      case "null":
        return { ...no, values: [null] };
      case "boolean":
        return { ...no, values: [true, false] };
      case "integer":
      case "number":
        return { ...no, number: kind };
      case "string":
        return { ...no, text: readText(schema, inside.refuse) };
      case "array":
        return { ...no, list: readList(schema, inside) };
      case "object":
        return { ...no, objects: [readObject(schema, inside)] };
    }
  }

  function readValues(schema: Schema, path: Path): Form {
    const listed = (keyword: string, values: unknown): unknown[] => {
      if (!Array.isArray(values) || values.length === 0)
        refuse(path, keyword, "expected a list of values");
      else if (!values.every(isScalar))
        refuse(
          path,
          keyword,
          "expected texts, finite numbers, booleans or null",
        );
      else return values;
      return [];
    };
    const has = (keyword: string) => schema[keyword] !== undefined;
    const listedValues = has("enum") ? listed("enum", schema["enum"]) : [];
    const constant = has("const") ? listed("const", [schema["const"]]) : [];
    const both = has("enum") && has("const");
    const values = both
      ? constant.filter((value) => listedValues.includes(value))
      : [...listedValues, ...constant];
    if (both && values.length === 0 && constant.length > 0)
      refuse(path, "const", "it is not in enum");
    return { values: [...new Set(values)].filter(isScalar), objects: [] };
  }

  function readUnion(
    keyword: UnionKeyword,
    schemas: unknown,
    path: Path,
  ): Form {
    if (!Array.isArray(schemas) || schemas.length === 0) {
      refuse(path, keyword, "expected a list of schemas");
      return anything;
    }
    const branches = schemas.map((branch, i) =>
      now(branch, [...path, keyword, i]),
    );
    const { form, overlap } = union(keyword, branches, constants);
    if (overlap !== undefined)
      refuse([...path, keyword], String(overlap.branch), overlap.message);
    return form;
  }

  /** Only of a const or an enum: to read more here could come upon a form that is being read. */
  function constants(form: Form): readonly Scalar[] | undefined {
    const schema = schemas.get(form);
    const target = targetOf(root, schema?.["$ref"])?.schema;
    const isConstant = (inner: unknown) =>
      isObject(inner) && (inner["const"] ?? inner["enum"]) !== undefined;
    if (!isConstant(schema) && !isConstant(target)) return undefined;
    finish(form);
    return form.values;
  }

  function readReference(reference: unknown, path: Path): Form {
    const target = targetOf(root, reference);
    if (target !== undefined) return now(target.schema, target.path);
    refuse(path, "$ref", "expected # or #/$defs/<name> of what is defined");
    return anything;
  }

  const form = now(root, []);
  const { $defs = {} } = root;
  if (!isObject($defs)) refuse([], "$defs", "expected an object of schemas");
  else
    for (const [name, inner] of Object.entries($defs))
      later(inner, ["$defs", name]);
  // Reading one may add others.
  for (const form of pending.keys()) finish(form);
  return { form, places, problems };
}

const unknownHere = (kind: string | undefined, type: unknown): string =>
  kind === undefined && type === undefined
    ? "this keyword has no effect without a type"
    : "this keyword has no effect on the answer here";
