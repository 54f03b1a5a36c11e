/**
 * A check compiled from a zod schema: a tenth of the time, and no object for each field. What it refuses may be right
 * all the same, and has to be parsed.
 */
import * as z from "zod";

/**
 * True only of what the schema takes too; fields that the schema doesn't know are then gone from it. What JSON Schema
 * can't say exactly as zod means it is refused wherever it stands.
 */
export type QuickCheck<Schema extends z.ZodType> = (
  json: unknown,
) => json is z.infer<Schema>;

/** To load the compiler and to compile takes as long as to parse a few thousand events: the start is no time for it. */
const compiledAfter = 100;

/** Refuses all, until it has been asked so often that it is worth being compiled. */
export function quickCheck<Schema extends z.ZodType>(
  schema: Schema,
): QuickCheck<Schema> {
  let asked = 0;
  let check: QuickCheck<Schema> | undefined;
  return (json): json is z.infer<Schema> => {
    if (++asked === compiledAfter)
      compileCheck(schema).then(
        (compiled) => (check = compiled),
        () => undefined, // all is parsed then, as before
      );
    return check?.(json) === true;
  };
}

export async function compileCheck<Schema extends z.ZodType>(
  schema: Schema,
): Promise<QuickCheck<Schema>> {
  const { Ajv } = await import("ajv");
  // The schema is zod's own: to hold it against JSON Schema's would take most of the time.
  const ajv = new Ajv({
    ...{ removeAdditional: true, validateFormats: false },
    ...{ validateSchema: false, meta: false, strict: false },
  });
  const jsonSchema = z.toJSONSchema(schema, {
    target: "draft-7",
    unrepresentable: "any",
    override({ zodSchema, jsonSchema }) {
      if (canSay(zodSchema)) return;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      jsonSchema.not = {};
    },
  });
  return ajv.compile<z.infer<Schema>>(jsonSchema);
}

const types = new Set([
  ...["object", "array", "optional", "literal", "enum"],
  ...["string", "number", "boolean"],
]);
const checks = new Set([
  ...["less_than", "greater_than", "number_format", "string_format"],
]);
/** Of others JSON Schema says less, or zod looks with code of its own. */
const formats = new Set(["uuid", "safeint"]);

/** Not the length of a text: zod counts code units, JSON Schema characters. */
function canSay({ _zod: { def } }: z.core.$ZodTypes): boolean {
  if (!types.has(def.type)) return false;
  const all = [def, ...(def.checks ?? []).map((one) => one._zod.def)];
  for (const one of all) {
    if ("check" in one && !checks.has(String(one.check))) return false;
    if ("format" in one && !formats.has(String(one.format))) return false;
  }
  if (def.type !== "object") return true;
  const isStrict = def.catchall !== undefined;
  return !isStrict && Object.values(def.shape).every(staysAbsent);
}

/** Where it is absent nothing comes in its place. */
function staysAbsent(field: z.core.$ZodType): boolean {
  const parsed = z.safeParse(field, undefined);
  return !parsed.success || parsed.data === undefined;
}
