/**
 * Bazel's ActionResult, as far as a store needs it: field 5 is the standard output,
 * field 6 the digest of one that is kept elsewhere (1: SHA-256 in hex, 2: size).
 */

export interface ActionResult {
  inline?: Uint8Array;
  digest?: string;
  size?: number;
}

enum Wire {
  Varint = 0,
  Bytes = 2,
}

export function encodeAction({ inline, digest, size }: ActionResult): Uint8Array {
  if (digest === undefined) return bytesField(5, inline!);
  const file = [bytesField(1, Buffer.from(digest)), tag(2, Wire.Varint), varint(size!)];
  return bytesField(6, Buffer.concat(file));
}

/** What is no ActionResult has an empty standard output, which is no entry. */
export function decodeAction(message: Uint8Array): { inline: Uint8Array; digest?: string } {
  const fields = fieldsOf(message);
  const file = fields.get(6);
  const digest = file && Buffer.from(fieldsOf(file).get(1) ?? []).toString("latin1");
  // It becomes part of a URL.
  if (digest && /^[0-9a-f]{64}$/.test(digest)) return { inline: new Uint8Array(), digest };
  return { inline: fields.get(5) ?? new Uint8Array() };
}

function bytesField(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([tag(number, Wire.Bytes), varint(content.length), content]);
}

function tag(number: number, wire: Wire): Buffer {
  return varint(number * 8 + wire);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** The last field of bytes under each number. Reading ends where the message makes no sense. */
function fieldsOf(message: Uint8Array): Map<number, Uint8Array> {
  const fields = new Map<number, Uint8Array>();
  let at = 0;
  const number = () => {
    let value = 0;
    for (let factor = 1; at < message.length && factor < 2 ** 50; factor *= 128) {
      const byte = message[at++]!;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  while (at < message.length) {
    const key = number();
    const wire = key % 8;
    const value = number();
    if (wire === Wire.Varint && !Number.isNaN(value)) continue;
    if (wire !== Wire.Bytes || !(at + value <= message.length)) break;
    fields.set(Math.floor(key / 8), message.subarray(at, at + value));
    at += value;
  }
  return fields;
}
