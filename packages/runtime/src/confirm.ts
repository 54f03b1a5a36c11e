import { createInterface } from "node:readline/promises";

/** Whether the answer is yes. Asks on a terminal; elsewhere nobody could answer, and it is no. */
export async function isConfirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const asking = createInterface({
    ...{ input: process.stdin, output: process.stdout },
  });
  const answer = await asking.question(`${question} [y/N] `);
  asking.close();
  return /^y(es)?$/i.test(answer.trim());
}
