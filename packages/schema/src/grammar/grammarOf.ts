/** The grammar that holds an answer to a JSON Schema, or why there is none. */
import { anyObject, type Form } from "./form.ts";
import { writeForm } from "./writeForm.ts";
import { pointer, type Schema, type SchemaProblem } from "./keywords.ts";
import { culpritOf, possibleForms } from "./possible.ts";
import { readSchema } from "./readSchema.ts";
import { GrammarTooLarge, makeRules, type Grammar } from "./rules.ts";

export type GrammarOrProblems =
  | { grammar: Grammar; problems?: undefined }
  | { grammar?: undefined; problems: SchemaProblem[] };

/** Levels of objects and lists in the schema itself. */
const maxDepth = 64;
/** Characters of the schema as JSON. */
const maxLength = 65_536;
/** Characters of the grammar. */
const maxSize = 250_000;
/** Alternatives that are open at one place. */
const maxWidth = 128;

/** Pure, and the same for equal schemas: what one process accepts another one can write down. */
export function grammarOf(schema: Schema): GrammarOrProblems {
  if (isDeeper(schema, maxDepth))
    return refusal([], `nested deeper than ${maxDepth} levels`);
  if (JSON.stringify(schema).length > maxLength)
    return refusal([], `longer than ${maxLength} characters`);
  const { form, places, problems } = readSchema(schema);
  if (problems.length > 0) return { problems };
  const possible = possibleForms(form);
  if (!possible.has(form))
    return refusal(
      places.get(culpritOf(form, possible)) ?? [],
      "nothing can meet it, or it never ends",
    );
  return limited(form, possible);
}

/** Any JSON object. */
export const objectGrammar = (): string => {
  const rules = makeRules(maxSize);
  const root = writeForm(rules, anyObject, possibleForms(anyObject));
  return rules.finish(root).gbnf;
};

function limited(form: Form, possible: ReadonlySet<Form>): GrammarOrProblems {
  try {
    const rules = makeRules(maxSize);
    const grammar = rules.finish(writeForm(rules, form, possible));
    if (grammar.width > maxWidth)
      return refusal(
        [],
        `${grammar.width} alternatives are open at one place, ${maxWidth} at most can be`,
      );
    return { grammar };
  } catch (error) {
    if (error instanceof GrammarTooLarge) return refusal([], error.message);
    throw error;
  }
}

const refusal = (path: SchemaProblem["path"], message: string) => ({
  problems: [{ path, message: `${pointer(path)}: ${message}` }],
});

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === "object" &&
  value !== null &&
  (levels === 0 ||
    Object.values(value).some((inner) => isDeeper(inner, levels - 1)));
