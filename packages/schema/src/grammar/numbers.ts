/** Numbers that every reader can hold: integers within ±(2^53 - 1), and others finite as doubles. */
import { oneOf, quote } from "./characters.ts";
import type { Alternatives, Part, Rules } from "./rules.ts";

const digit = "[0-9]";
const firstDigit = "[1-9]";
const minus: Alternatives = [[quote("-")], []];

/** `fraction`: a number that is no integer. */
const writers = { integer, number: double, fraction };
export type NumberKind = keyof typeof writers;

export const numberOf = (rules: Rules, kind: NumberKind): Part =>
  rules.once(writers[kind], () => writers[kind](rules));

/** Without -0. */
function integer(rules: Rules): readonly Part[] {
  const positive = upTo(rules, `${Number.MAX_SAFE_INTEGER}`);
  return [rules.define([[quote("0")], [positive], [quote("-"), positive]])];
}

/** The whole numbers from 1 to `max`, a text of digits. */
export function upTo({ define, atMost }: Rules, max: string): Part {
  const shorter = [firstDigit, ...atMost(digit, max.length - 2)];
  const ofItsLength = notOver(define, max, "1");
  return define([...(max.length > 1 ? [shorter] : []), ...ofItsLength]);
}

/** As many digits as `max` has, and not more in value; the first digit is `min` at least. */
function notOver(
  define: Rules["define"],
  max: string,
  min: "0" | "1",
): Alternatives {
  const first = Number(max[0]);
  const tail = max.slice(1);
  if (tail === "") return [[range(Number(min), first)]];
  const below =
    first > Number(min)
      ? [[range(Number(min), first - 1), ...tail].map(anyDigit)]
      : [];
  const equal = [quote(String(first)), define(notOver(define, tail, "0"))];
  return [...below, equal];
}

const anyDigit = (part: string, i: number): Part => (i === 0 ? part : digit);

const range = (from: number, to: number): Part =>
  oneOf(Array.from({ length: to - from + 1 }, (_, i) => String(from + i)));

/**
 * Up to 21 digits, as JavaScript writes numbers without an exponent; with one, a single digit before the point and at
 * most 307 in the exponent, which is less than the largest double.
 */
function double(rules: Rules): readonly Part[] {
  const { define, atMost } = rules;
  const point = decimals(rules);
  const power = exponent(rules, define([[oneOf(["+", "-"])], []]));
  const withPoint = [...point, define([power, []])];
  const whole = [digit, ...atMost(digit, 19), define([point, []])];
  return [
    define(minus),
    define([
      [quote("0"), define([point, []])],
      [firstDigit, define([withPoint, power, whole, []])],
    ]),
  ];
}

const decimals = ({ atMost }: Rules): readonly Part[] => [
  quote("."),
  digit,
  ...atMost(digit, 24),
];

/** From 1 to 307. */
function exponent(rules: Rules, sign: Part): readonly Part[] {
  return [oneOf(["e", "E"]), sign, upTo(rules, "307")];
}

/**
 * As far as a double keeps it from being an integer: nine digits and six decimals, 15 decimals of 0, or what a negative
 * exponent makes less than 1. The last decimal is not 0.
 */
function fraction(rules: Rules): readonly Part[] {
  const { define, atMost } = rules;
  const point = define([decimals(rules), []]);
  return [
    define(minus),
    define([
      [quote("0."), ended(rules, 15)],
      [firstDigit, ...atMost(digit, 8), quote("."), ended(rules, 6)],
      [firstDigit, point, ...exponent(rules, quote("-"))],
    ]),
  ];
}

/** Up to `max` digits, the last of which is not 0. */
function ended({ define }: Rules, max: number): Part {
  let needed = define([[firstDigit]]);
  let optional = define([[firstDigit], []]);
  for (let n = 1; n < max; n++) {
    const next: Alternatives = [
      [firstDigit, optional],
      [quote("0"), needed],
    ];
    [needed, optional] = [define(next), define([...next, []])];
  }
  return needed;
}
