import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { grammarOf, objectGrammar } from "./grammarOf.ts";
import type { Schema } from "./keywords.ts";
import { makeMatcher } from "../../test/grammarTestKit.ts";

const problemOf = (schema: Schema): string =>
  grammarOf(schema).problems?.[0]?.message ?? "it is taken";

function matcherOf(schema: Schema) {
  const { grammar, problems } = grammarOf(schema);
  assert.ok(grammar, problems?.[0]?.message);
  return makeMatcher(grammar.gbnf);
}

/** What passes and what does not, as JSON. */
function assertPasses(schema: Schema, good: string[], bad: string[]): void {
  const { matches } = matcherOf(schema);
  for (const text of good) assert.ok(matches(text), `${text} passes`);
  for (const text of bad) assert.ok(!matches(text), `${text} does not`);
}

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const text = (length: number) => `"${"x".repeat(length)}"`;
const list = (length: number) => `[${times(length, () => "1").join(",")}]`;

describe("large counts", () => {
  for (const most of [999, 1_000, 1_500, 2_000, 10_000])
    test(`a text of up to ${most} characters may have ${most}, and none more`, () => {
      const { matches } = matcherOf({ type: "string", maxLength: most });
      assert.ok(matches(text(most)));
      assert.ok(!matches(text(most + 1)));
    });

  test("a least length over a thousand is kept to", () => {
    const schema = { type: "string", minLength: 1_234, maxLength: 2_345 };
    const good = [text(1_234), text(2_345)];
    assertPasses(schema, good, [text(1_233), text(2_346)]);
  });

  test("thousands of items and of properties are counted", () => {
    const items = { type: "array", items: { type: "integer" } };
    assertPasses(
      { ...items, minItems: 1_100, maxItems: 1_700 },
      [list(1_100), list(1_700)],
      [list(1_099), list(1_701)],
    );
    const object = (count: number) =>
      `{${times(count, (i) => `"n${i}":1`).join(",")}}`;
    assertPasses(
      {
        type: "object",
        additionalProperties: { const: 1 },
        maxProperties: 1_500,
      },
      [object(0), object(1_500)],
      [object(1_501)],
    );
  });

  test("a larger count, or too many of them, is refused by name", () => {
    const longer = { type: "string", maxLength: 10_001 };
    assert.match(problemOf(longer), /^#\/maxLength: .*10000/);
    const properties: Record<string, unknown> = {};
    for (let i = 0; i < 40; i++)
      properties[`p${i}`] = {
        type: "array",
        items: { const: i },
        maxItems: 9_999,
      };
    const many = { type: "object", properties };
    assert.match(problemOf(many), /^#: its grammar has more than 250000/);
  });
});

describe("closed and open lists", () => {
  test("items: false after prefixItems ends the tuple", () => {
    const first = [{ type: "boolean" }, { type: "integer" }];
    const schema = { type: "array", prefixItems: first, items: false };
    assertPasses(schema, ["[true,1]"], ["[true,1,null]", "[true]", "[null,1]"]);
  });

  test("a tuple is as short as minItems says, where it says something", () => {
    const first = [{ const: 1 }, { const: 2 }, { const: 3 }];
    const schema = { type: "array", prefixItems: first, minItems: 1 };
    assertPasses(schema, ["[1]", "[1,2]", "[1,2,3]"], ["[]", "[1,2,3,4]"]);
    const short = { type: "array", prefixItems: first, maxItems: 2 };
    assertPasses(short, ["[1,2]"], ["[1]", "[1,2,3]"]);
  });

  test("items: false alone gives only the empty list, items: true any", () => {
    assertPasses({ type: "array", items: false }, ["[]"], ["[null]", "[1]"]);
    const any = ["[]", "[null]", '[1,"a",{"b":[true]}]'];
    assertPasses({ type: "array", items: true }, any, ["[nul]", "{}"]);
    assertPasses({ type: "array" }, any, ["[nul]", "{}"]);
  });

  test("true and false are schemas wherever one may stand", () => {
    const schema = {
      type: "object",
      properties: { any: true, none: false },
      required: ["any"],
    };
    const bad = ['{"any":1,"none":1}', '{"any":1,"none":}', "{}"];
    assertPasses(schema, ['{"any":[1]}'], bad);
    assertPasses({}, ["1", '{"a":null}', '"b"', "[]"], ["", "a"]);
  });
});

describe("what nothing can meet is refused at once, by place and keyword", () => {
  const closed = {
    type: "object",
    properties: { a: { type: "integer" }, b: {} },
    additionalProperties: false,
  };
  for (const [schema, place] of [
    [{ type: "string", minLength: 5, maxLength: 3 }, "minLength"],
    [{ type: "string", format: "date", maxLength: 5 }, "maxLength"],
    [{ type: "string", format: "time", minLength: 12 }, "minLength"],
    [{ type: "string", format: "date-time", maxLength: 30 }, "maxLength"],
    [{ type: "array", items: {}, minItems: 3, maxItems: 2 }, "minItems"],
    [{ type: "array", items: false, minItems: 1 }, "minItems"],
    [
      { type: "array", prefixItems: [{}], items: false, minItems: 2 },
      "minItems",
    ],
    [{ ...closed, minProperties: 2, maxProperties: 1 }, "minProperties"],
    [{ ...closed, required: ["a", "b"], maxProperties: 1 }, "maxProperties"],
    [{ ...closed, minProperties: 3 }, "minProperties"],
    [{ type: "string", const: 5 }, "type"],
    [{ type: "integer", enum: ["a", 1.5, null] }, "type"],
    [{ type: "null", anyOf: [{ type: "string" }] }, "type"],
    [{ const: "a", enum: ["b"] }, "const"],
  ] as [Schema, string][])
    test(JSON.stringify(schema), () => {
      assert.match(problemOf(schema), new RegExp(`^#/${place}: `));
      const deep = {
        type: "array",
        items: { anyOf: [{ type: "null" }, schema] },
      };
      assert.match(problemOf(deep), new RegExp(`^#/items/anyOf/1/${place}: `));
    });

  test("a schema that never ends", () => {
    const next = { type: "object", properties: { n: { $ref: "#" } } };
    assert.match(problemOf({ ...next, required: ["n"] }), /never ends/);
    assert.match(
      problemOf({
        $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } },
        type: "object",
        properties: { x: { $ref: "#/$defs/a" } },
      }),
      /^#\/\$defs\/\w: it is defined by itself/,
    );
    assert.match(
      problemOf({ anyOf: [{ type: "null" }, { $ref: "#" }] }),
      /itself/,
    );
  });

  test("a required property, or a needed item, that nothing can be", () => {
    const required = { ...closed, properties: { a: false }, required: ["a"] };
    assert.match(problemOf(required), /nothing can meet it/);
    const items = { type: "array", prefixItems: [true, false] };
    assert.match(problemOf(items), /nothing can meet it/);
  });
});

describe("oneOf", () => {
  const object = (kind: unknown, more: object = {}) => ({
    type: "object",
    properties: { kind, ...more },
    required: ["kind"],
  });

  test("integer or number is a number that is no integer", () => {
    const schema = { oneOf: [{ type: "integer" }, { type: "number" }] };
    const good = ["1.5", "-0.25", "0.000001", "1.5e-7"];
    assertPasses(schema, good, ["1", "0", "1.0", "1e3", "-0.0", "0.50"]);
  });

  for (const branches of [
    [{ type: "string" }, { type: "null" }],
    [{ const: "a" }, { enum: ["b", 1] }, { type: "boolean" }],
    [{ type: "integer" }, { const: 1.5 }],
    [{ type: "string", maxLength: 2 }, { const: "abc" }],
    [{ type: "string", format: "date" }, { const: "never" }],
    [{ type: "array" }, { type: "object" }],
    [object({ const: "a" }), object({ enum: ["b", "c"] })],
    [{ oneOf: [object({ const: 1 }), { type: "null" }] }, object({ const: 2 })],
  ])
    test(`is taken where the branches are disjoint: ${JSON.stringify(branches)}`, () => {
      assert.equal(problemOf({ oneOf: branches }), "it is taken");
      assert.equal(problemOf({ anyOf: branches }), "it is taken");
    });

  for (const branches of [
    [{ type: "null" }, { type: "null" }],
    [{ enum: ["a"] }, { enum: ["a", "b"] }],
    [{ type: "integer" }, { type: "integer" }],
    [{ type: "integer" }, { const: 1 }],
    [{ const: "abc" }, { type: "string" }],
    [{ type: "string", format: "date" }, { const: "2020-01-01" }],
    [{ type: "string" }, { type: "string", format: "date" }],
    [{ type: "boolean" }, { const: true }],
    [{ type: "array" }, { type: "array", items: { type: "null" } }],
    [object({ const: "a" }), object({ const: "a" }, { b: {} })],
    [object({ type: "string" }), object({ const: "a" })],
    [object({ const: "a" }), { ...object({ const: "b" }), required: [] }],
    [{}, { type: "null" }],
  ])
    test(`is refused where they overlap: ${JSON.stringify(branches)}`, () => {
      assert.match(problemOf({ oneOf: branches }), /^#\/oneOf\/[01]: /);
    });

  test("objects are told apart by their first characters, however deep they contain each other", () => {
    const schema = {
      oneOf: [
        object({ const: "leaf" }),
        {
          type: "object",
          properties: {
            left: { $ref: "#" },
            right: { $ref: "#" },
            kind: { const: "node" },
          },
          required: ["kind", "left"],
        },
      ],
    };
    let tree = '{"kind":"leaf"}';
    for (let i = 0; i < 20; i++) tree = `{"kind":"node","left":${tree}}`;
    assertPasses(schema, [tree], [tree.slice(1), '{"kind":"tree"}']);
    assert.ok(matcherOf(schema).widthOf(tree) < 10);
  });

  test("anyOf is taken of values that are there twice, and of numbers", () => {
    const schema = { anyOf: [{ enum: ["a"] }, { enum: ["a", "b"] }] };
    assertPasses(schema, ['"a"', '"b"'], ['"c"']);
    const numbers = { anyOf: [{ type: "integer" }, { type: "number" }] };
    assertPasses(numbers, ["1", "1.5"], ['"1"']);
  });
});

test("what Pydantic writes for Optional is taken, and annotations are passed over", () => {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://example.com/user",
    $comment: "made by a library",
    title: "User",
    type: "object",
    properties: {
      name: { title: "Name", type: "string", examples: ["Ann"] },
      age: {
        anyOf: [{ type: "integer" }, { type: "null" }],
        default: null,
        deprecated: false,
        readOnly: true,
      },
      pet: {
        discriminator: { propertyName: "kind" },
        oneOf: [{ $ref: "#/$defs/Cat" }, { type: "null" }],
      },
    },
    required: ["name"],
    $defs: { Cat: { type: "object", properties: { kind: { const: "cat" } } } },
  };
  const good = ['{"name":"A"}', '{"name":"A","age":null,"pet":{"kind":"cat"}}'];
  assertPasses(schema, good, ['{"age":1}', '{"name":"A","age":"1"}']);
});

describe("names that every object has", () => {
  const names = ["constructor", "toString", "valueOf", "hasOwnProperty"];
  for (const name of [...names, "__proto__", "isPrototypeOf"])
    test(`type: ${name} is refused`, () => {
      assert.match(problemOf({ type: name }), /^#\/type: expected one of/);
      assert.match(problemOf({ type: "string", format: name }), /^#\/format: /);
      const $ref = `#/$defs/${name}`;
      assert.match(problemOf({ $ref, $defs: {} }), /^#\/\$ref: /);
    });

  for (const name of names)
    test(`a property and a definition of the name ${name} work`, () => {
      const schema = {
        type: "object",
        properties: { [name]: { $ref: `#/$defs/${name}` } },
        required: [name],
        $defs: { [name]: { const: name } },
      };
      assertPasses(schema, [`{"${name}":"${name}"}`], ["{}", `{"${name}":1}`]);
      assert.match(problemOf({ [name]: 1 }), /no effect/);
    });

  test("only the key __proto__ is refused", () => {
    const own = JSON.parse('{"__proto__":{}}') as object;
    const properties = { type: "object", properties: own };
    assert.match(problemOf(properties), /^#\/properties\/__proto__: /);
    const definitions = { type: "null", $defs: own };
    assert.match(problemOf(definitions), /^#\/\$defs\/__proto__: /);
    const open = { type: "object", additionalProperties: true };
    assertPasses(open, ['{"proto":1}'], ['{"__proto__":1}']);
  });
});

test("a schema that is nested too deep is refused, and no crash", () => {
  for (const depth of [70, 5_000, 50_000]) {
    let schema: Schema = { type: "null" };
    for (let i = 0; i < depth; i++)
      schema = { type: "object", properties: { a: schema } };
    assert.match(problemOf(schema), /^#: nested deeper than/);
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = [value];
    assert.match(problemOf({ default: value }), /^#: nested deeper than/);
  }
  const link = (i: number, more: object) => [`d${i}`, more] as const;
  const chain = (step: (ref: object) => object, length: number) => ({
    $ref: "#/$defs/d0",
    $defs: Object.fromEntries([
      ...times(length, (i) => link(i, step({ $ref: `#/$defs/d${i + 1}` }))),
      link(length, { type: "null" }),
    ]),
  });
  const inList = (items: object) => ({ type: "array", items });
  assert.equal(problemOf(chain(inList, 50)), "it is taken");
  assert.match(problemOf(chain(inList, 1_000)), /deep/);
  assert.equal(problemOf(chain((ref) => ref, 50)), "it is taken");
  assert.match(problemOf(chain((ref) => ref, 1_500)), /deep/);
});

describe("numbers", () => {
  test("an integer is one that a double holds exactly", () => {
    const most = "9007199254740991";
    const good = ["0", "7", "-7", "1000000000000000", most, `-${most}`];
    const over = ["9007199254740992", "9100000000000000", "10000000000000000"];
    const bad = [...over, `-${over[0]}`, "-0", "01", "1.0", "1e3", "", "-"];
    assertPasses({ type: "integer" }, good, bad);
  });

  test("a number is finite as a double", () => {
    const good = [
      "0",
      "-0.5",
      "1e21",
      "1.5E-7",
      "2.5e+307",
      "-123456789012345678901.5",
    ];
    const bad = [
      "1e308",
      "1e400",
      "20e307",
      "1234567890123456789012",
      "01",
      ".5",
      "1.",
      "+1",
      "Infinity",
    ];
    assertPasses({ type: "number" }, good, bad);
  });

  test("a value that no double holds is refused", () => {
    const schema = JSON.parse('{"enum":[1,1e400]}') as Schema;
    assert.match(problemOf(schema), /^#\/enum: .*finite/);
    assert.match(problemOf({ const: -Infinity }), /^#\/const: /);
  });
});

test("control characters and half surrogate pairs work in enum, const and names", () => {
  for (const value of [
    "x\u0001y",
    "x\u0000y",
    "\b\f\n\t",
    "\ud800",
    "a\udfff",
    "\u007f\u2028",
    '\\"/',
  ]) {
    const name = JSON.stringify(value);
    assertPasses({ enum: [value, "z"] }, [name, '"z"'], ['"x"', '"xy"']);
    assertPasses({ const: value }, [name], ['""']);
    const object = {
      type: "object",
      properties: { [value]: { const: 1 } },
      required: [value],
    };
    assertPasses(object, [`{${name}:1}`], ["{}"]);
  }
});

test("a text has no raw control character, and only whole characters", () => {
  const good = ['"\\u0000\\n\\ud83d\\uDE00"', '"😀é"', '"\\u00e9"'];
  const bad = [
    '"\n"',
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ud83d\\u0041"',
    '"\\x"',
    '"',
  ];
  assertPasses({ type: "string" }, good, bad);
  const two = { type: "string", minLength: 2, maxLength: 2 };
  assertPasses(two, ['"😀\\ud83d\\ude00"', '"\\n\\n"'], ['"😀"', '"abc"']);
});

test("a date is one of the calendar, and a time one of the day", () => {
  const days = ["2024-02-29", "2000-02-29", "1999-12-31", "0004-02-29"];
  const none = [
    "2023-02-29",
    "1900-02-29",
    "2023-04-31",
    "2023-13-01",
    "2023-00-10",
    "2023-01-00",
    "23-01-01",
  ];
  const quoted = (all: string[]) => all.map((one) => `"${one}"`);
  assertPasses({ type: "string", format: "date" }, quoted(days), quoted(none));
  assertPasses(
    { type: "string", format: "time" },
    quoted(["00:00:00Z", "23:59:59.123456789+14:00"]),
    quoted(["24:00:00Z", "12:60:00Z", "12:00:00", "12:00:00+24:00"]),
  );
  assertPasses(
    { type: "string", format: "date-time" },
    quoted(["2024-02-29T23:59:59-08:30"]),
    quoted(["2023-02-29T00:00:00Z", "2024-02-29 00:00:00Z"]),
  );
});

describe("optional properties", () => {
  test("may be left out, so that recursion ends", () => {
    const node = {
      type: "object",
      properties: { v: { type: "integer" }, next: { $ref: "#/$defs/n" } },
      required: ["v"],
    };
    const schema = { $defs: { n: node }, $ref: "#/$defs/n" };
    const good = ['{"v":2}', '{"v":2,"next":{"v":3,"next":{"v":4}}}'];
    assertPasses(schema, good, ['{"next":{"v":1}}', '{"v":2,"next":{}}', "{}"]);
  });

  test("are counted", () => {
    const properties = { a: { const: 1 }, b: { const: 1 }, c: { const: 1 } };
    const schema = { type: "object", properties, required: ["b"] };
    const all = [
      '{"b":1}',
      '{"a":1,"b":1}',
      '{"b":1,"c":1}',
      '{"a":1,"b":1,"c":1}',
    ];
    assertPasses(schema, all, ['{"a":1}', "{}", '{,"b":1}', '{"b":1,}']);
    assertPasses(
      { ...schema, maxProperties: 2 },
      all.slice(0, 3),
      all.slice(3),
    );
    assertPasses(
      { ...schema, minProperties: 2 },
      all.slice(1),
      all.slice(0, 1),
    );
  });

  test("beside additional ones keep their own schema", () => {
    const properties = { ab: { const: 1 }, "ac\n": { const: 2 } };
    const schema = {
      type: "object",
      properties,
      additionalProperties: { const: 3 },
    };
    const good = [
      '{"ab":1}',
      '{"a":3}',
      '{"abc":3,"b":3}',
      '{"ab":1,"x":3}',
      "{}",
    ];
    const bad = ['{"ab":3}', '{"a\\u0062":3}', '{"ac\\n":3}', '{"x":1}'];
    assertPasses(schema, good, bad);
  });

  test("of long names beside additional ones are no crash", () => {
    const names = [30_000, 29_999].map((length) => "n".repeat(length));
    const properties = Object.fromEntries(names.map((name) => [name, true]));
    const schema = { type: "object", properties };
    assert.equal(problemOf(schema), "it is taken");
    const open = { ...schema, additionalProperties: true };
    assert.match(problemOf(open), /^#: its grammar has more than/);
  });

  test("a count that only repeated names could reach is refused", () => {
    const schema = {
      type: "object",
      additionalProperties: {},
      minProperties: 2,
    };
    assert.match(problemOf(schema), /^#\/minProperties: .*repeat/);
    assert.equal(problemOf({ ...schema, minProperties: 1 }), "it is taken");
  });
});

describe("what a grammar costs", () => {
  const word = (i: number) => Math.abs(Math.sin(i)).toString(36).slice(2, 10);
  const wide = (count: number) =>
    times(count, (i) => `${String.fromCodePoint(0x4e00 + i)}${i}`);

  test("an enum of thousands is a prefix tree: few ways are open at once", () => {
    const schema = { enum: times(4_000, word) };
    const { matches, widthOf } = matcherOf(schema);
    for (const value of schema.enum) assert.ok(matches(`"${value}"`));
    assert.ok(!matches(`"${word(1).slice(0, -1)}"`));
    assert.ok(widthOf(`"${word(1)}"`) <= 40);
    assert.ok((grammarOf(schema).grammar?.width ?? Infinity) <= 40);
  });

  test("values of which one begins another, or only letters of two units differ", () => {
    const values = ["a", "aa", "aaa", "😀", "😁", "😀😁", ""];
    const all = values.map((value) => JSON.stringify(value));
    assertPasses({ enum: values }, all, ['"aaaa"', '"😁😀"', '"b"']);
    assertPasses(
      { enum: [1, 12, 123, -1] },
      ["1", "12", "123", "-1"],
      ["13", "-"],
    );
  });

  test("the properties that may come next are a prefix tree too", () => {
    const properties = Object.fromEntries(times(150, (i) => [word(i), true]));
    const { widthOf } = matcherOf({ type: "object", properties });
    assert.ok(widthOf(`{"${word(149)}":1}`) <= 60);
  });

  test("too many alternatives at one place are refused, where no tree helps", () => {
    assert.equal(problemOf({ enum: wide(100) }), "it is taken");
    assert.match(problemOf({ enum: wide(500) }), /^#: 500 alternatives/);
  });

  test("the width that is reckoned is about that which is met", () => {
    for (const schema of [
      { enum: wide(100) },
      {},
      { enum: times(200, word) },
    ]) {
      const { grammar } = grammarOf(schema);
      assert.ok(grammar);
      const { widthOf } = makeMatcher(grammar.gbnf);
      const met = Math.max(...['"', '[{"a":1.5e3}]', '{"b":"c"'].map(widthOf));
      assert.ok(met <= grammar.width + 10, `${met}`);
    }
  });
});

test("json_object is any object", () => {
  const { matches } = makeMatcher(objectGrammar());
  for (const good of ["{}", '{"a": [1, {"b": null}], "c": "d"}'])
    assert.ok(matches(good));
  for (const bad of ["[]", "1", '{"a"}', '{"a":1e999}', ""])
    assert.ok(!matches(bad));
});
