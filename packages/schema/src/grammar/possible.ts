/** Which forms an answer can have at all: one that must contain itself never ends. */
import type { Form, ListForm, ObjectForm } from "./form.ts";

/** The forms that some answer has, of this one and all inside of it. */
export function possibleForms(root: Form): ReadonlySet<Form> {
  const forms = formsIn(root);
  const possible = new Set<Form>();
  // Each round finds forms whose parts were found before, so there are at most as many rounds as forms.
  for (let before = -1; before < possible.size;) {
    before = possible.size;
    for (const form of forms)
      if (!possible.has(form) && isPossible(form, possible)) possible.add(form);
  }
  return possible;
}

/** From the inside out, as far as they don't contain each other. */
function formsIn(root: Form): Form[] {
  const found = new Set([root]);
  for (const form of found) for (const inner of innerOf(form)) found.add(inner);
  return [...found].reverse();
}

const innerOf = ({ list, objects }: Form): Form[] => [
  ...(list?.first ?? []),
  ...(list?.rest ? [list.rest] : []),
  ...objects.flatMap(({ properties, rest }) => [
    ...properties.map(({ form }) => form),
    ...(rest ? [rest] : []),
  ]),
];

const isPossible = (form: Form, possible: ReadonlySet<Form>): boolean =>
  form.values.length > 0 ||
  form.number !== undefined ||
  form.text !== undefined ||
  (form.list !== undefined && isPossibleList(form.list, possible)) ||
  form.objects.some((object) => isPossibleObject(object, possible));

export function isPossibleList(
  { first, rest, min }: ListForm,
  possible: ReadonlySet<Form>,
): boolean {
  const needed = first.slice(0, min);
  const isEnough =
    min <= first.length || (rest !== undefined && possible.has(rest));
  return isEnough && needed.every((form) => possible.has(form));
}

export function isPossibleObject(
  { properties, rest, min }: ObjectForm,
  possible: ReadonlySet<Form>,
): boolean {
  const sure =
    properties.filter(({ form }) => possible.has(form)).length +
    (rest !== undefined && possible.has(rest) ? 1 : 0);
  return (
    min <= sure &&
    properties.every(({ form, required }) => !required || possible.has(form))
  );
}

/**
 * The form that makes this one impossible: the first part that is needed and impossible, and so on, until one needs
 * none or only those that were passed.
 */
export function culpritOf(root: Form, possible: ReadonlySet<Form>): Form {
  const passed = new Set<Form>();
  let form = root;
  for (let next: Form | undefined = root; next !== undefined;) {
    form = next;
    passed.add(form);
    next = neededBy(form).find(
      (inner) => !possible.has(inner) && !passed.has(inner),
    );
  }
  return form;
}

const neededBy = ({ list, objects }: Form): Form[] => [
  ...(list?.first.slice(0, list.min) ?? []),
  ...(list?.rest && list.min > list.first.length ? [list.rest] : []),
  ...objects.flatMap(({ properties }) =>
    properties.filter(({ required }) => required).map(({ form }) => form),
  ),
];
