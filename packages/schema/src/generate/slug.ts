import { remember } from "./remember.ts";

/**
 * The slug of a name that people see, as it stands in subjects, consumer names and Redis keys: 1 to 64 of a-z, 0-9, _
 * and -. `Qwen2.5-7B-Q4_K_M` is `qwen2-5-7b-q4_k_m`. A name without any Latin letter or digit has a hash of itself: `模型`
 * is `u-641e9277a3262aca`. Undefined where a name has no letter or digit of any script. A slug stands in subjects for
 * ever, so what a name's slug is never changes.
 */
export const slugIfAny = remember((name: string): string | undefined => {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
  if (slug !== "") return slug;
  if (!/[\p{L}\p{N}]/u.test(name)) return undefined;
  // Composed, since macOS writes the names of files decomposed.
  return `u-${hashOf(name.normalize("NFC").toLowerCase())}`;
});

/** The same of a name that has one. Throws a RangeError where it has none. */
export function slugOf(name: string): string {
  const slug = slugIfAny(name);
  if (slug === undefined)
    throw new RangeError("a name needs a letter or a digit");
  return slug;
}

/** FNV-1a of 64 bits in hex: this package has no other one that runs everywhere. */
function hashOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}
