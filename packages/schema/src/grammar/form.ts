/** What a schema lets an answer be, by the kinds of JSON: at most one of each, so that its first character tells. */
import type { NumberKind } from "./numbers.ts";
import type { TextForm } from "./texts.ts";

export type Scalar = string | number | boolean | null;

export interface Form {
  /** Values that are written out; none of them twice. */
  values: Scalar[];
  number?: NumberKind;
  text?: TextForm;
  list?: ListForm;
  /** Several are told apart by the value of their property `by`. */
  objects: ObjectForm[];
  by?: string;
}

export interface ListForm {
  /** The first items, each of its own form. */
  first: Form[];
  /** What may follow them; absent: nothing. */
  rest?: Form;
  min: number;
  /** May be Infinity. */
  max: number;
}

export interface ObjectForm {
  /** In the order in which they are written. */
  properties: Property[];
  /** Properties of other names; absent: none. */
  rest?: Form;
  /** How many properties of all. */
  min: number;
  /** May be Infinity. */
  max: number;
}

export interface Property {
  name: string;
  form: Form;
  required: boolean;
}

/** Any JSON. */
export const anything: Form = {
  values: [null, true, false],
  number: "number",
  objects: [],
  text: { min: 0, max: Infinity },
};
anything.list = { first: [], rest: anything, min: 0, max: Infinity };
anything.objects.push({
  properties: [],
  rest: anything,
  min: 0,
  max: Infinity,
});

/** Only objects of it. */
export const anyObject: Form = { values: [], objects: anything.objects };
