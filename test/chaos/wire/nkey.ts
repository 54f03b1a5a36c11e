/** How a user proves to a broker that it has the seed of its nkey: no code of the system, nor its client, is part of it. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";

export interface Proof {
  nkey: string;
  sig: string;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** What stands before the 32 bytes of an Ed25519 key in its DER form. */
const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");
const keyBytes = 32;
/** The first byte of the public key of a user: `U` in base32. */
const userPrefix = 20 << 3;

/** The signature of the server's nonce, for its CONNECT. A seed is base32 of two bytes, the key, and a checksum of two bytes. */
export function proveKey(seed: string, nonce: string): Proof {
  const bytes = fromBase32(seed.trim()).subarray(2, 2 + keyBytes);
  const der = Buffer.concat([pkcs8, bytes]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const named = Buffer.concat([
    Buffer.of(userPrefix),
    spki.subarray(-keyBytes),
  ]);
  return {
    nkey: toBase32(Buffer.concat([named, checksumOf(named)])),
    sig: sign(null, Buffer.from(nonce), key).toString("base64url"),
  };
}

/** CRC-16/XMODEM, the low byte first. */
function checksumOf(bytes: Buffer): Buffer {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++)
      crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return Buffer.of(crc & 0xff, crc >> 8);
}

function fromBase32(text: string): Buffer {
  const bits = [...text].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join(""); // prettier-ignore
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((eight) => parseInt(eight, 2)));
}

function toBase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join(""); // prettier-ignore
  const fives = bits.match(/.{1,5}/g) ?? [];
  return fives.map((five) => alphabet[parseInt(five.padEnd(5, "0"), 2)]).join(""); // prettier-ignore
}
