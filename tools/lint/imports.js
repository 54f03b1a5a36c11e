/** ESLint rules on who may import whom, types included: `no-cycle`, and `layers`. */
import { relative } from "node:path";
import ts from "typescript";

/** @typedef {import("eslint").Rule.RuleModule} Rule */
/** @typedef {import("eslint").Rule.RuleContext} Context */
/** @typedef {import("eslint").Rule.Node & { source?: { type: string, value?: unknown } | null | undefined }} ImportNode */
/** @typedef {{ program: ts.Program }} Services what typescript-eslint's parser gives */
/** @typedef {{ files: RegExp, sees: RegExp }} Layer paths from the project's folder; each layer sees itself too */

/** @param {Context} context */
const programOf = (context) =>
  /** @type {{ parserServices: Services }} */ (context.sourceCode)
    .parserServices.program;

/**
 * The file of this checkout that an import means, its links resolved.
 * @param {ts.Program} program
 * @param {string} from
 * @param {string} specifier
 */
function resolve(program, from, specifier) {
  const options = program.getCompilerOptions();
  const mode = ts.ModuleKind.ESNext;
  const { resolvedModule } = ts.resolveModuleName(specifier, from, options, ts.sys, undefined, undefined, mode); // prettier-ignore
  const file = resolvedModule?.resolvedFileName;
  return file?.includes("/node_modules/") ? undefined : file;
}

/** What was read of a file already. @type {WeakMap<ts.SourceFile, string[]>} */
const known = new WeakMap();

/** The files of this checkout that a file imports. @param {ts.Program} program @param {string} file */
function importsOf(program, file) {
  const source = program.getSourceFile(file);
  if (!source) return [];
  const before = known.get(source);
  if (before) return before;
  const imports = source.statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return []; // prettier-ignore
    const specifier = statement.moduleSpecifier;
    if (!specifier || !ts.isStringLiteral(specifier)) return [];
    return resolve(program, file, specifier.text) ?? [];
  });
  known.set(source, imports);
  return imports;
}

/**
 * The shortest way of imports between two files, both of them in it.
 * @param {ts.Program} program
 * @param {string} from
 * @param {string} to
 */
function wayBetween(program, from, to) {
  const ways = [[from]];
  const seen = new Set([from]);
  for (const way of ways) {
    const last = way.at(-1) ?? from;
    if (last === to) return way;
    for (const next of importsOf(program, last)) {
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

/**
 * Calls `check` with each import of a file, the node to report and the file that is meant.
 * @param {Context} context
 * @param {(node: import("eslint").Rule.Node, target: string) => void} check
 * @returns {import("eslint").Rule.RuleListener}
 */
function forEachImport(context, check) {
  /** @param {ImportNode} node */
  const visit = (node) => {
    const specifier = node.source?.value;
    if (typeof specifier !== "string") return;
    const target = resolve(programOf(context), context.filename, specifier);
    if (target) check(node, target);
  };
  return {
    ImportDeclaration: visit,
    ExportNamedDeclaration: visit,
    ExportAllDeclaration: visit,
    ImportExpression: visit,
  };
}

/** No file imports, over others, itself. @type {Rule} */
const noCycle = {
  create: (context) =>
    forEachImport(context, (node, target) => {
      if (node.type === "ImportExpression") return; // at run time, where its circle is done
      const way = wayBetween(programOf(context), target, context.filename);
      if (!way) return;
      const names = way.map((file) => relative(context.cwd, file));
      const message = `These import each other: ${names.join(" -> ")}.`;
      context.report({ node, message });
    }),
};

/** A file imports only what its layer sees. @type {Rule} */
const layers = {
  meta: { schema: false },
  create(context) {
    const all = /** @type {Layer[]} */ (context.options);
    const place = (/** @type {string} */ file) => relative(context.cwd, file);
    const own = all.filter(({ files }) => files.test(place(context.filename)));
    return forEachImport(context, (node, target) => {
      const to = place(target);
      if (own.every(({ files, sees }) => files.test(to) || sees.test(to)))
        return;
      const message = `${to} is of a layer that is not seen from here: see CONTRIBUTING, Layers.`;
      context.report({ node, message });
    });
  },
};

export default { rules: { "no-cycle": noCycle, layers } };
