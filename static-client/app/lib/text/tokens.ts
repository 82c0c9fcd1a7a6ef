/** The pieces a message is rendered from: styled text, links, inline code and mentions of the reader. */

import { fold, type Casemapping } from '../casemapping.ts';
import { parseIrc, stripIrc, type Style } from './irc.ts';
import { linkify } from './linkify.ts';
import { styling, type Range } from './styling.ts';

export interface Token extends Style {
  text: string;
  href?: string;
  channel?: string;
  code?: boolean;
  mention?: boolean;
  /** A styling marker, which is part of the text. */
  mark?: boolean;
}

/** A part of a text with a meaning. */
type Piece = Range & Omit<Token, 'text'>;

const INLINE_CODE = /(```|`)([^`\n]+)\1/g;

/**
 * Splits a message into tokens, which together are the whole text. `nick` is the reader's own, whose mentions are
 * marked.
 */
export function tokenize(
  text: string,
  nick: string,
  casemapping: Casemapping,
): Token[] {
  const spans = parseIrc(text);
  const plain = spans.map((span) => span.text).join('');
  const pieces = piecesOf(plain, nick, casemapping);
  const opaque = pieces.filter(
    ({ href, channel, code, mark }) => href ?? channel ?? code ?? mark,
  );
  const styles = styling(plain, opaque);
  const tokens: Token[] = [];
  let [span, spanEnd] = [0, spans[0]?.text.length ?? 0];
  let [piece, style] = [0, 0];
  for (let at = 0; at < plain.length;) {
    const end = Math.min(spanEnd, pieces[piece]!.to, styles[style]!.to);
    const { text: _, ...irc } = spans[span]!;
    const { from: _from, to: _to, ...typed } = styles[style]!;
    const { from: _start, to: _stop, ...what } = pieces[piece]!;
    tokens.push({ ...irc, ...typed, ...what, text: plain.slice(at, end) });
    at = end;
    if (at === pieces[piece]!.to) piece += 1;
    if (at === styles[style]!.to) style += 1;
    if (at === spanEnd) spanEnd += spans[++span]?.text.length ?? 0;
  }
  return tokens;
}

/** Splits a text into code, links, mentions and what is between them, in order and without gaps. */
function piecesOf(
  text: string,
  nick: string,
  casemapping: Casemapping,
): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  const add = (length: number, what: Omit<Token, 'text'> = {}) => {
    if (length) pieces.push({ from: end, to: (end += length), ...what });
  };
  const plain = (part: string) => {
    for (const { text: found, ...link } of linkify(part)) {
      if (link.href ?? link.channel) {
        add(found.length, link);
        continue;
      }
      let done = 0;
      for (const [from, to] of mentions(found, nick, casemapping)) {
        add(from - done);
        add(to - from, { mention: true });
        done = to;
      }
      add(found.length - done);
    }
  };
  for (const match of text.matchAll(INLINE_CODE)) {
    const [, fence, code] = match;
    plain(text.slice(end, match.index));
    add(fence!.length, { mark: true });
    add(code!.length, { code: true });
    add(fence!.length, { mark: true });
  }
  plain(text.slice(end));
  return pieces;
}

const WORD = /[\p{L}\p{N}_\-[\]\\`^{}|]/u;

/** Where a nickname occurs in a text as a word of its own. */
export function mentions(
  text: string,
  nick: string,
  casemapping: Casemapping,
): [number, number][] {
  if (!nick) return [];
  const where: [number, number][] = [];
  const haystack = fold(text, casemapping);
  const needle = fold(nick, casemapping);
  let at = haystack.indexOf(needle);
  while (at >= 0) {
    const before = text[at - 1];
    const after = text[at + needle.length];
    // A dash or bracket after the nick ends it unless more of a word follows.
    if (!(before && WORD.test(before)) && !(after && WORD.test(after))) {
      where.push([at, at + needle.length]);
    }
    at = haystack.indexOf(needle, at + needle.length);
  }
  return where;
}

/** Returns whether a message mentions a person. */
export function isMention(
  text: string,
  nick: string,
  casemapping: Casemapping,
): boolean {
  return mentions(stripIrc(text), nick, casemapping).length > 0;
}
