/** What the fake engine says to a prompt, by its definition and none of its code. */
const syllables = [..."bdfghklmnprstvwz"].flatMap((consonant) =>
  [..."aeio"].map((vowel) => consonant + vowel),
);

/** The first `count` words of the text, with a space between two. */
export function fakeText(prompt: string, count: number): string {
  let seed = 0x811c9dc5;
  for (let at = 0; at < prompt.length; at++)
    seed = Math.imul(seed ^ prompt.charCodeAt(at), 0x01000193);
  const words = Array.from({ length: count }, (_, index) => {
    const first = Math.imul(seed ^ index, 0x9e3779b1);
    const second = Math.imul(first ^ (first >>> 15), 0x85ebca6b);
    const picks = second ^ (second >>> 13);
    return [picks & 63, (picks >>> 6) & 63].map((pick) => syllables[pick]);
  });
  return words.map((word) => word.join("")).join(" ");
}
