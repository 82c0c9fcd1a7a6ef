/** SHA-1 (RFC 3174), synchronous, because WebCrypto would respond too late for a colour. Not for secrets. */

const rotate = (x: number, n: number) => (x << n) | (x >>> (32 - n));

export function sha1(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const length = ((bytes.length + 8) >> 6) + 1;
  const words = new Uint32Array(length * 16);
  bytes.forEach((byte, i) => {
    words[i >> 2]! |= byte << (24 - (i % 4) * 8);
  });
  words[bytes.length >> 2]! |= 0x80 << (24 - (bytes.length % 4) * 8);
  words[length * 16 - 1] = bytes.length * 8;

  const hash = new Uint32Array([
    0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0,
  ]);
  const schedule = new Uint32Array(80);
  for (let block = 0; block < words.length; block += 16) {
    let [a, b, c, d, e] = hash as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    for (let i = 0; i < 80; i++) {
      schedule[i] =
        i < 16
          ? words[block + i]!
          : rotate(
              schedule[i - 3]! ^
                schedule[i - 8]! ^
                schedule[i - 14]! ^
                schedule[i - 16]!,
              1,
            );
      const [f, k] =
        i < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : i < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : i < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const next = (rotate(a, 5) + f + e + k + schedule[i]!) | 0;
      [e, d, c, b, a] = [d, c, rotate(b, 30), a, next];
    }
    [a, b, c, d, e].forEach((value, i) => {
      hash[i] = (hash[i]! + value) | 0;
    });
  }
  const out = new Uint8Array(20);
  const view = new DataView(out.buffer);
  hash.forEach((word, i) => view.setUint32(i * 4, word));
  return out;
}
