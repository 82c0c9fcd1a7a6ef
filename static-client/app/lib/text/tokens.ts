/** What a message is rendered from: styled pieces, links, inline code and mentions of oneself. */

import { fold, type Casemapping } from '../casemapping.ts';
import { parseIrc, stripIrc, type Style } from './irc.ts';
import { linkify } from './linkify.ts';

export interface Token extends Style {
  text: string;
  href?: string;
  channel?: string;
  code?: boolean;
  mention?: boolean;
}

const INLINE_CODE = /`([^`\n]+)`/g;

/** Splits a message into tokens. `nick` is the reader's own, whose mention is marked. */
export function tokenize(
  text: string,
  nick: string,
  casemapping: Casemapping,
): Token[] {
  const tokens: Token[] = [];
  const own = { nick, casemapping };
  for (const span of parseIrc(text)) {
    const { text: content, ...style } = span;
    let end = 0;
    for (const match of content.matchAll(INLINE_CODE)) {
      plain(content.slice(end, match.index), style, own, tokens);
      tokens.push({ ...style, text: match[1]!, code: true });
      end = match.index + match[0].length;
    }
    plain(content.slice(end), style, own, tokens);
  }
  return tokens;
}

function plain(
  text: string,
  style: Style,
  own: { nick: string; casemapping: Casemapping },
  out: Token[],
) {
  for (const piece of linkify(text)) {
    if (piece.href ?? piece.channel) {
      out.push({ ...style, ...piece });
      continue;
    }
    let end = 0;
    for (const [from, to] of mentions(piece.text, own.nick, own.casemapping)) {
      if (from > end) out.push({ ...style, text: piece.text.slice(end, from) });
      out.push({ ...style, text: piece.text.slice(from, to), mention: true });
      end = to;
    }
    if (end < piece.text.length) {
      out.push({ ...style, text: piece.text.slice(end) });
    }
  }
}

const WORD = /[\p{L}\p{N}_\-[\]\\`^{}|]/u;

/** Where a nickname stands in a text as a word of its own. */
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

/** Returns whether a message speaks to somebody. */
export function isMention(
  text: string,
  nick: string,
  casemapping: Casemapping,
): boolean {
  return mentions(stripIrc(text), nick, casemapping).length > 0;
}
