/** From the form of an answer to the rules of its grammar. It is written without spaces, or with one after `,` and `:`. */
import { quote } from "./characters.ts";
import type { Form, ListForm, ObjectForm } from "./form.ts";
import { numberOf } from "./numbers.ts";
import { otherName } from "./otherName.ts";
import { isPossibleList, isPossibleObject } from "./possible.ts";
import {
  makeTreeWriter,
  treeOf,
  withChoice,
  type PrefixTree,
} from "./prefixTree.ts";
import { GrammarTooLarge, type Part, type Rules } from "./rules.ts";
import { textOf } from "./texts.ts";

/** Of forms in each other, until one comes again. */
const maxDepth = 128;

/** `possible`: the forms that some answer has; the others are left out wherever they may be. */
export function writeForm(
  rules: Rules,
  root: Form,
  possible: ReadonlySet<Form>,
): readonly Part[] {
  const { define, once, exactly, atMost } = rules;
  const writeTree = makeTreeWriter(rules);
  const space = define([[quote(" ")], []]);
  const comma = define([[quote(","), space]]);
  const colon = define([[quote(":"), space]]);

  let depth = 0;
  function write(form: Form): Part {
    // Definitions may contain each other in a row that is longer than the stack.
    if (depth > maxDepth)
      throw new GrammarTooLarge(
        `its definitions are in each other more than ${maxDepth} deep`,
      );
    depth += 1;
    const part = writeKinds(form);
    depth -= 1;
    return part;
  }

  function writeKinds({ values, number, text, list, objects, by }: Form): Part {
    const choices = values.map((value) => {
      return { text: JSON.stringify(value), then: [] };
    });
    const written = objects.filter((object) =>
      isPossibleObject(object, possible),
    );
    return define([
      ...(choices.length > 0 ? [writeTree(treeOf(choices))] : []),
      ...(number ? [[numberOf(rules, number)]] : []),
      ...(text ? [textOf(rules, text)] : []),
      ...(list && isPossibleList(list, possible)
        ? [[once(list, () => writeList(list))]]
        : []),
      ...(written.length > 0
        ? [[once(objects, () => writeObjects(written, by))]]
        : []),
    ]);
  }

  /** From the last item of `first` to its first one: what may come from there on. */
  function writeList({ first, rest, min, max }: ListForm): readonly Part[] {
    const item = rest && possible.has(rest) ? write(rest) : undefined;
    const end = first.findIndex((form) => !possible.has(form));
    const written = first.slice(0, end < 0 ? max : Math.min(end, max));
    const isOpen = item !== undefined && end < 0 && max > written.length;

    const more = (count: number): readonly Part[] => {
      if (!isOpen) return [];
      const next = define([[comma, item]]);
      const needed = Math.max(0, min - count);
      return [...exactly(next, needed), ...atMost(next, max - count - needed)];
    };
    const orEnd = (count: number, parts: readonly Part[]): readonly Part[] =>
      count < min ? parts : [define([parts, []])];

    const [firstItem, ...others] = written.map(write);
    const after = others.reduceRight<readonly Part[]>(
      (parts, part, i) => orEnd(i + 1, [comma, part, ...parts]),
      more(Math.max(1, written.length)),
    );
    const begin = firstItem ?? (isOpen ? item : undefined);
    const items = begin === undefined ? [] : orEnd(0, [begin, ...after]);
    return [quote("["), ...items, quote("]")];
  }

  function writeObjects(
    objects: readonly ObjectForm[],
    by: string | undefined,
  ): readonly Part[] {
    const [only, ...others] = objects;
    if (only !== undefined && (others.length === 0 || by === undefined))
      return [quote("{"), writeProperties(only, undefined)];
    const choices = objects.flatMap((object) => {
      const then = [writeProperties(object, by)];
      const values = object.properties.find(({ name }) => name === by);
      return (values?.form.values ?? []).map((value) => {
        return { text: JSON.stringify(value), then };
      });
    });
    const key = `{${JSON.stringify(by)}`;
    return [quote(key), colon, ...writeTree(treeOf(choices))];
  }

  /** What follows `{`, or `{` and the property `by`, up to and with `}`. */
  function writeProperties(object: ObjectForm, by: string | undefined): Part {
    const { rest, min, max } = object;
    const properties = object.properties.filter(
      ({ name, form }) => name !== by && possible.has(form),
    );
    const before = by === undefined ? 0 : 1;
    // A reader may take __proto__ for something else.
    const names = ["__proto__", ...object.properties.map(({ name }) => name)];
    const other =
      rest && possible.has(rest)
        ? [...otherName(rules, names), colon, write(rest)]
        : undefined;
    const values = properties.map(({ form }) => write(form));

    const isCounted = other !== undefined && max !== Infinity;
    const isLimited = isCounted || max < before + properties.length;
    /** More properties than that, or than one, make no difference to what follows. */
    const most = Math.min(
      Math.max(isLimited ? max : min, 1),
      before + properties.length,
    );
    const counted = (count: number) => Math.min(count, most);

    // From the last property to the first one: what may be written from there on, by how many were written before;
    // undefined where that many can't lead to an end. Each way leads up to the next required property, or to the end.
    let ways: Way[] = Array.from({ length: most + 1 }, (_, count) => {
      return { end: writeEnd(object, other, count) };
    });
    let parts = ways.map(writeWay);
    for (const [i, { name, required }] of [...properties.entries()].reverse()) {
      const next = parts;
      ways = ways.map((way, count) => {
        const then = count < max ? next[counted(count + 1)] : undefined;
        const others = required ? {} : way;
        if (then === undefined || count > before + i) return others;
        const text = JSON.stringify(name);
        const choice = { text, then: [colon, values[i] ?? "", then] };
        return { ...others, names: withChoice(others.names, choice) };
      });
      parts = ways.map(writeWay);
    }
    const written = parts[counted(before)];
    if (written === undefined) throw new Error("a possible object has an end");
    return written;
  }

  /** What follows the named properties of the object, where `count` are written: others, and the end. */
  function writeEnd(
    { min, max }: ObjectForm,
    other: readonly Part[] | undefined,
    count: number,
  ): Part | undefined {
    const close = quote("}");
    const canClose = count >= min;
    if (other === undefined || count >= max)
      return canClose ? close : undefined;
    // Only one of these names is sure to be a new one.
    if (count < min - 1) return undefined;
    const next = define([[comma, ...other]]);
    const more = [
      ...(count > 0 ? [comma] : []),
      ...other,
      ...atMost(next, max - count - 1),
      close,
    ];
    return define([more, ...(canClose ? [[close]] : [])]);
  }

  type Way = { names?: PrefixTree; end?: Part | undefined };
  function writeWay({ names, end }: Way, count: number): Part | undefined {
    if (names === undefined) return end;
    const named = [...(count > 0 ? [comma] : []), ...writeTree(names)];
    return define([named, ...(end === undefined ? [] : [[end]])]);
  }

  return [write(root)];
}
