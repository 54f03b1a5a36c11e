/** JSON texts: any, of a length, or of a format. */
import { oneOf, plainBut, quote } from "./characters.ts";
import type { Part, Rules } from "./rules.ts";

/** Lengths in characters (code points), as JSON Schema counts them. */
export interface TextForm {
  min: number;
  /** May be Infinity. */
  max: number;
  format?: Format;
}

/** The shortest and the longest text that is written in a format. */
export const lengthsOf: Readonly<Record<Format, readonly [number, number]>> = {
  date: [10, 10],
  time: [9, 24],
  "date-time": [20, 35],
};

const writers = { date, time, "date-time": dateTime };
export type Format = keyof typeof writers;
export const formats = Object.keys(writers) as Format[];

const mark = quote('"');
const digit = "[0-9]";

export function textOf(rules: Rules, { min, max, format }: TextForm): Part[] {
  const content =
    format === undefined
      ? [
          ...rules.exactly(character(rules), min),
          ...rules.atMost(character(rules), max - min),
        ]
      : [rules.once(writers[format], () => writers[format](rules))];
  return [mark, ...content, mark];
}

const character = (rules: Rules): Part =>
  rules.once(anyCharacter, () => [anyCharacter(rules)]);

/** One character, as itself or escaped; half a surrogate pair is none. */
function anyCharacter({ define }: Rules): Part {
  const hex = "[0-9a-fA-F]";
  const d = oneOf(["d", "D"]);
  const high = [d, "[89abAB]", hex, hex];
  const low = [d, "[c-fC-F]", hex, hex];
  const code = define([
    ["[0-9abcefABCEF]", hex, hex, hex],
    [d, "[0-7]", hex, hex],
    [...high, quote("\\u"), ...low],
  ]);
  const escapes = oneOf(['"', "\\", "/", "b", "f", "n", "r", "t"]);
  return define([
    [plainBut()],
    [quote("\\"), define([[escapes], [quote("u"), code]])],
  ]);
}

function dateTime(rules: Rules): readonly Part[] {
  return [...date(rules), quote("T"), ...time(rules)];
}

function date({ define }: Rules): readonly Part[] {
  const dash = quote("-");
  const to = (days: number) => [
    [quote("0"), "[1-9]"],
    [days === 28 ? quote("1") : "[12]", digit],
    ...(days === 28 ? [[quote("2"), "[0-8]"]] : []),
    ...(days === 30 ? [[quote("30")]] : []),
    ...(days === 31 ? [[quote("3"), "[01]"]] : []),
  ];
  const long = define([
    [quote("0"), "[13578]"],
    [quote("1"), "[02]"],
  ]);
  const short = define([[quote("0"), "[469]"], [quote("11")]]);
  const by4 = define([
    ["[2468]", "[048]"],
    ["[13579]", "[26]"],
  ]);
  const leap = define([
    [digit, digit, define([[quote("0"), "[48]"], [by4]])],
    [define([[quote("0"), "[048]"], [by4]]), quote("00")],
  ]);
  const monthAndDay = define([
    [long, dash, define(to(31))],
    [short, dash, define(to(30))],
    [quote("02-"), define(to(28))],
  ]);
  return [
    define([
      [digit, digit, digit, digit, dash, monthAndDay],
      [leap, quote("-02-29")],
    ]),
  ];
}

/** Without leap seconds, which most readers refuse. */
function time({ define, atMost }: Rules): readonly Part[] {
  const hour = define([
    ["[01]", digit],
    [quote("2"), "[0-3]"],
  ]);
  const sixty = define([["[0-5]", digit]]);
  const decimals = define([[quote("."), digit, ...atMost(digit, 8)], []]);
  const colon = quote(":");
  const zone = define([[quote("Z")], ["[+\\x2D]", hour, colon, sixty]]);
  return [hour, colon, sixty, colon, sixty, decimals, zone];
}
