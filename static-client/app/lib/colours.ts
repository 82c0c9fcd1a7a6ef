/** Nickname colours: the hue of XEP-0392, section 5.1, at a lightness that is legible in each theme. */

import { forColour } from './lower.ts';
import { sha1 } from './sha1.ts';

const cache = new Map<string, number>();
const CACHE_LIMIT = 5000;

/** Returns the hue of a name in degrees: the first two bytes of its SHA-1, little-endian. */
export function nickHue(name: string): number {
  const key = forColour(name);
  let hue = cache.get(key);
  if (hue === undefined) {
    const digest = sha1(key);
    hue = ((digest[0]! + digest[1]! * 256) / 65536) * 360;
    if (cache.size >= CACHE_LIMIT) cache.clear();
    cache.set(key, hue);
  }
  return hue;
}

/** Converts OKLCH to sRGB (0 to 1 each, clipped), to measure contrast. */
export function oklchToSrgb(
  l: number,
  c: number,
  hue: number,
): [number, number, number] {
  const a = c * Math.cos((hue * Math.PI) / 180);
  const b = c * Math.sin((hue * Math.PI) / 180);
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
  return linear.map((x) => {
    const clipped = Math.min(1, Math.max(0, x));
    return clipped <= 0.0031308
      ? 12.92 * clipped
      : 1.055 * clipped ** (1 / 2.4) - 0.055;
  }) as [number, number, number];
}

/** Contrast ratio of two sRGB colours (WCAG 2.2). */
export function contrast(
  a: readonly [number, number, number],
  b: readonly [number, number, number],
): number {
  const luminance = (colour: readonly number[]) => {
    const [r, g, bl] = colour.map((x) =>
      x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * bl!;
  };
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}
