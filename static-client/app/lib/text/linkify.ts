/** Finds http and https URLs, and channel names, in plain text. */

export interface Piece {
  text: string;
  href?: string;
  channel?: string;
}

const FOUND =
  /\bhttps?:\/\/[^\s<>"\p{Cc}]+|(?<![\p{L}\p{N}_/&#])#[\p{L}\p{N}_][^\s,:;.!?()[\]{}"'<>]*/giu;
/** Punctuation of the sentence, or of the styling, around a link. */
const TRAILING = '.,:;!?\'"*_~';
const OPENING = '([{';
const CLOSING = ')]}';

/** Splits a text at its links; everything else stays unchanged. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(FOUND)) {
    const found = match[0].startsWith('#')
      ? match[0]
      : match[0].slice(0, endOf(match[0]));
    const piece = toPiece(found);
    if (!piece) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push(piece);
    end = match.index + found.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

function toPiece(found: string): Piece | undefined {
  if (found.startsWith('#')) {
    // "#1" is an issue or a rank more often than a channel.
    return /^#\d+$/.test(found) ? undefined : { text: found, channel: found };
  }
  try {
    const url = new URL(found);
    const web = url.protocol === 'http:' || url.protocol === 'https:';
    return web && url.hostname ? { text: found, href: url.href } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Where a URL ends: before punctuation that belongs to the sentence, and before brackets that were opened before it.
 * Brackets are counted once, and the remainder is known at each position from the right: linear.
 */
export function endOf(address: ArrayLike<string>): number {
  /** How many more brackets of each kind close than open. */
  const surplus = [0, 0, 0];
  for (let at = 0; at < address.length; at++) {
    const char = address[at]!;
    const opens = OPENING.indexOf(char);
    const closes = CLOSING.indexOf(char);
    if (opens >= 0) surplus[opens]! -= 1;
    if (closes >= 0) surplus[closes]! += 1;
  }
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1]!;
    if (TRAILING.includes(last)) continue;
    const closes = CLOSING.indexOf(last);
    if (closes < 0 || surplus[closes]! <= 0) break;
    surplus[closes]! -= 1;
  }
  return end;
}
