/** Several forms as one, where the answer's own characters tell which of them it is. */
import type { Form, ObjectForm, Scalar } from "./form.ts";
import type { JsonType } from "./keywords.ts";
import type { NumberKind } from "./numbers.ts";
import type { TextForm } from "./texts.ts";

export type UnionKeyword = "anyOf" | "oneOf";
/** The values that a property has if it is a const or an enum. */
type ValuesOf = (form: Form) => readonly Scalar[] | undefined;

interface Union {
  form: Form;
  /** Why they can't be one, and the second of the two branches. */
  overlap?: { branch: number; message: string };
}

export function union(
  keyword: UnionKeyword,
  branches: readonly Form[],
  valuesOf: ValuesOf,
): Union {
  const values = new Set<Scalar>();
  let form: Form = { values: [], objects: [] };
  const objects: ObjectForm[] = [];
  for (const [branch, next] of branches.entries()) {
    const message = overlapOf(keyword, form, next, values);
    if (message !== undefined) return { form, overlap: { branch, message } };
    for (const value of next.values) values.add(value);
    objects.push(...next.objects);
    form = { ...form, ...kindsOf(keyword, form, next) };
  }
  form = { ...form, values: [...values], objects };
  const branch =
    keyword === "oneOf" ? branches.findIndex(isCovered(branches)) : -1;
  if (branch >= 0) return { form, overlap: { branch, message: valueTwice } };
  return toldApart(form, branches, valuesOf);
}

const valueTwice = "a value is in two branches";

/** `values`: those of the branches before. */
function overlapOf(
  keyword: UnionKeyword,
  before: Form,
  next: Form,
  values: ReadonlySet<Scalar>,
): string | undefined {
  if (before.text && next.text) return "two branches are texts";
  if (before.list && next.list) return "two branches are arrays";
  if (keyword === "anyOf") return undefined;
  if (next.values.some((value) => values.has(value))) return valueTwice;
  const { number } = next;
  return before.number && number && !oneOfBoth(before.number, number)
    ? "two branches are the same numbers"
    : undefined;
}

/** Texts, lists and numbers of both. */
function kindsOf(keyword: UnionKeyword, a: Form, b: Form) {
  const ofBoth = keyword === "oneOf" ? oneOfBoth : anyOfBoth;
  const number =
    a.number && b.number ? ofBoth(a.number, b.number) : (a.number ?? b.number);
  const { text = a.text, list = a.list } = b;
  return {
    ...(number && { number }),
    ...(text && { text }),
    ...(list && { list }),
  };
}

/** Whether a value of a branch may be one of another one's texts or numbers. */
function isCovered(branches: readonly Form[]) {
  const open = branches.filter(({ number, text }) => number ?? text);
  return (branch: Form) =>
    open.some(
      (other) =>
        other !== branch &&
        branch.values.some((value) => mayCover(other, value)),
    );
}

function toldApart(form: Form, branches: readonly Form[], valuesOf: ValuesOf) {
  if (form.objects.length < 2) return { form };
  const by = discriminatorOf(form.objects, valuesOf);
  if (by !== undefined) return { form: { ...form, by } };
  const branch = branches.findLastIndex(({ objects }) => objects.length > 0);
  return { form, overlap: { branch, message: objectsOverlap } };
}

const objectsOverlap =
  "two branches are objects: they need a required property whose const or enum tells them apart";

/** What exactly one of them takes. */
const oneOfBoth = (a: NumberKind, b: NumberKind): NumberKind | undefined => {
  const pair = [a, b].sort().join(" ");
  if (pair === "integer number") return "fraction";
  if (pair === "fraction integer") return "number";
  return undefined;
};

const anyOfBoth = (a: NumberKind, b: NumberKind): NumberKind =>
  a === b ? a : "number";

/** Whether any text or number of the form may be this one; of a text's format only the beginning is looked at. */
function mayCover({ number, text }: Form, value: Scalar): boolean {
  if (typeof value === "string") return text !== undefined && fits(text, value);
  if (typeof value !== "number" || number === undefined) return false;
  return (
    number === "number" || Number.isInteger(value) === (number === "integer")
  );
}

function fits({ min, max, format }: TextForm, value: string): boolean {
  if (format !== undefined) return beginningOf[format].test(value);
  const { length } = [...value];
  return min <= length && length <= max;
}

const beginningOf = {
  date: /^\d{4}-\d\d-\d\d$/,
  time: /^\d\d:/,
  "date-time": /^\d{4}-\d\d-\d\dT/i,
};

/** The property by whose value the objects can be told apart. */
function discriminatorOf(objects: readonly ObjectForm[], valuesOf: ValuesOf) {
  const [first] = objects;
  return first?.properties.find(({ name }) => {
    const all = objects.map(({ properties }) => {
      const found = properties.find((property) => property.name === name);
      return found?.required ? valuesOf(found.form) : undefined;
    });
    const values = all.flat();
    return all.every(Boolean) && new Set(values).size === values.length;
  })?.name;
}

export const isEmpty = ({ values, number, text, list, objects }: Form) =>
  values.length === 0 &&
  objects.length === 0 &&
  [number, text, list].every((kind) => kind === undefined);

/** What of the form is of this type. */
export function onlyOf(form: Form, type: JsonType): Form {
  const { number, text, list, by } = form;
  const isInteger = type === "integer" && number && number !== "fraction";
  return {
    values: form.values.filter((value) => isOfType(value, type)),
    objects: type === "object" ? form.objects : [],
    ...(type === "object" && by !== undefined && { by }),
    ...(type === "array" && list && { list }),
    ...(type === "string" && text && { text }),
    ...(type === "number" && number && { number }),
    ...(isInteger && { number: type }),
  };
}

function isOfType(value: Scalar, type: JsonType): boolean {
  if (value === null) return type === "null";
  return type === "integer" ? Number.isInteger(value) : typeof value === type;
}
