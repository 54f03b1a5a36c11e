/** Finds code by its tokens, so that a mutant outlives another formatting, other comments and other indentation. */
import ts from "typescript";

export interface Place {
  /** Of the first token. */
  start: number;
  /** Behind the last token. */
  end: number;
}

/** Every place in `text` where the tokens of `code` stand in a row; a comma before a closing bracket counts for nothing. */
export function findCode(text: string, code: string): Place[] {
  const [all, wanted] = [tokensOf(text), tokensOf(code)];
  if (wanted.length === 0) return [];
  return all.flatMap(({ start }, at) => {
    const last = all[at + wanted.length - 1];
    const isHere = wanted.every(({ token }, i) => all[at + i]?.token === token);
    return isHere && last ? [{ start, end: last.end }] : [];
  });
}

interface Token extends Place {
  token: string;
}

const { SyntaxKind } = ts;
const closing = [")", "]", "}"];

function tokensOf(text: string): Token[] {
  const scanner = ts.createScanner(ts.ScriptTarget.ESNext, true);
  scanner.setText(text);
  /** Which of the open braces belong to a template text. */
  const inTemplate: boolean[] = [];
  const tokens: Token[] = [];
  for (;;) {
    let kind = scanner.scan();
    if (kind === SyntaxKind.EndOfFileToken) return withoutLastCommas(tokens);
    if (kind === SyntaxKind.CloseBraceToken && inTemplate.pop() === true)
      kind = scanner.reScanTemplateToken(false);
    const opensTemplate =
      kind === SyntaxKind.TemplateHead || kind === SyntaxKind.TemplateMiddle;
    if (opensTemplate) inTemplate.push(true);
    if (kind === SyntaxKind.OpenBraceToken) inTemplate.push(false);
    if (kind === SyntaxKind.SlashToken && !endsOperand(tokens.at(-1)?.token))
      scanner.reScanSlashToken();
    tokens.push({
      token: scanner.getTokenText(),
      start: scanner.getTokenStart(),
      end: scanner.getTokenEnd(),
    });
  }
}

/** Behind a value a slash divides; anywhere else a regular expression begins. */
const endsOperand = (token: string | undefined): boolean =>
  token !== undefined && /^[\w$"'`]|[)\]`]$/.test(token) && token !== "return";

const withoutLastCommas = (tokens: readonly Token[]): Token[] =>
  tokens.filter(
    ({ token }, at) =>
      token !== "," || !closing.includes(tokens[at + 1]?.token ?? ""),
  );
