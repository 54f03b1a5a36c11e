/** No record of a service, and no line of a log file, has a key, a seed or the text of a prompt. */
import type { Evidence } from "../evidence.ts";

/** Each prompt of the load begins like this. */
const prompt = /chaos \d+ /;

export function checkSecrets({
  secrets = [],
  said,
  logFiles: { requests, errorHeads, app },
}: Evidence): string[] {
  const files = [...requests, ...errorHeads, ...app];
  const lines = [
    ...said.map(({ member, msg, line }) => ({
      where: `${member}: "${msg}"`,
      line,
    })),
    ...files.map((line, i) => ({ where: `line ${i + 1} of the log files`, line })), // prettier-ignore
  ];
  return lines.flatMap(({ where, line }) => [
    ...(secrets.some((secret) => line.includes(secret)) ? [`${where} has a secret`] : []), // prettier-ignore
    ...(prompt.test(line) ? [`${where} has a prompt`] : []),
  ]);
}
