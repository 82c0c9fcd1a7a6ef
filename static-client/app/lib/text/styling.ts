/**
 * Message styling as people type it, XEP-0393, section 6: `*strong*`, `_emphasis_` and `~struck~`, within one line.
 * The markers stay in the text, so nothing is lost. Stricter than the XEP: a closing marker followed by a letter or
 * digit does not count, so `_private_name` is not emphasis.
 */

export interface Styling {
  bold?: true;
  italic?: true;
  strike?: true;
  /** A character that is a styling marker. */
  mark?: true;
}

/** A range of a text in UTF-16 units. */
export interface Range {
  from: number;
  to: number;
}

export type Styled = Styling & Range;

const KINDS = '*_~';
const STYLES: Styling[] = [{ bold: true }, { italic: true }, { strike: true }];
const SPACE = /\s/;
const WORD = /[\p{L}\p{N}]/u;

/**
 * Splits a text at styling markers; in the ranges of `opaque`, which are in order, none count. Each part is examined
 * as often as styles are nested, which is at most three times: linear.
 */
export function styling(
  text: ArrayLike<string>,
  opaque: readonly Range[] = [],
): Styled[] {
  const { length } = text;
  /** The marker type at each position, or -1. */
  const kinds = new Int8Array(length);
  let skip = 0;
  for (let at = 0; at < length; at++) {
    while (skip < opaque.length && opaque[skip]!.to <= at) skip += 1;
    const hidden = skip < opaque.length && opaque[skip]!.from <= at;
    kinds[at] = hidden ? -1 : KINDS.indexOf(text[at]!);
  }
  const ends = KINDS.split('').map(() => new Int32Array(length));
  const next = [-1, -1, -1];
  for (let at = length - 1; at >= 0; at--) {
    if (text[at] === '\n') next.fill(-1);
    const kind = kinds[at]!;
    if (kind >= 0 && canEnd(text, at)) next[kind] = at;
    ends.forEach((places, one) => (places[at] = next[one]!));
  }
  const parts: Styled[] = [];
  const walk = (from: number, to: number, style: Styling) => {
    let done = from;
    const flush = (at: number) => {
      if (at > done) parts.push({ from: done, to: at, ...style });
    };
    for (let at = from; at < to - 2; at++) {
      const kind = kinds[at]!;
      if (kind < 0 || !canBegin(text, at, at === from)) continue;
      const end = ends[kind]![at + 2] ?? -1;
      if (end < 0 || end >= to) continue;
      flush(at);
      const inner = { ...style, ...STYLES[kind] };
      parts.push({ from: at, to: at + 1, ...inner, mark: true });
      walk(at + 1, end, inner);
      parts.push({ from: end, to: end + 1, ...inner, mark: true });
      done = end + 1;
      at = end;
    }
    flush(to);
  };
  walk(0, length, {});
  return parts;
}

/** Returns whether a marker starts a line or word, alone or within another style, with text directly after it. */
function canBegin(text: ArrayLike<string>, at: number, first: boolean) {
  if (at + 1 >= text.length || SPACE.test(text[at + 1]!)) return false;
  return first || at === 0 || SPACE.test(text[at - 1]!);
}

function canEnd(text: ArrayLike<string>, at: number): boolean {
  if (at === 0 || SPACE.test(text[at - 1]!)) return false;
  return at + 1 >= text.length || !WORD.test(text[at + 1]!);
}
