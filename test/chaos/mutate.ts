/** `npm run chaos:mutants -- [NAME...]`: proves the checker, one mutant in one system; `test/mutants` has many in each. */
import { catchMutants } from "./catchMutants.ts";
import { mutants } from "./mutants.ts";

const names = process.argv.slice(2);
const chosen = mutants.filter(
  ({ name }) => names.length === 0 || names.some((word) => name.includes(word)),
);
let escaped = 0;
for (const mutant of chosen) {
  const { said, output } = await catchMutants([mutant]);
  const [line, ...more] = said.get(mutant.name) ?? [];
  if (line === undefined) {
    escaped++;
    console.log(output);
  }
  console.log(
    line === undefined
      ? `escaped: ${mutant.name}`
      : `caught: ${mutant.name}: ${line} (and ${more.length} more)`,
  );
}
console.log(`${chosen.length - escaped} caught, ${escaped} escaped`);
if (escaped > 0 || chosen.length === 0) process.exitCode = 1;
