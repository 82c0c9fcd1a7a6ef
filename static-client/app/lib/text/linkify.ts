/** Finds http and https addresses, and names of channels, in plain text. */

export interface Piece {
  text: string;
  href?: string;
  channel?: string;
}

const FOUND =
  /\bhttps?:\/\/[^\s<>"\p{Cc}]+|(?<![\p{L}\p{N}_/&#])#[\p{L}\p{N}_][^\s,:;.!?()[\]{}"'<>]*/giu;
const TRAILING = /[.,:;!?'"*_~]+$/;
const PAIRS: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

/** Splits a text at its links; what is no link stays as it is. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(FOUND)) {
    const found = match[0].startsWith('#') ? match[0] : trim(match[0]);
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
    // "#1" is a ticket or a rank more often than a channel.
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

/** Takes off punctuation that belongs to the sentence, and brackets that were opened before. */
function trim(url: string): string {
  for (;;) {
    const shorter = url.replace(TRAILING, '');
    const last = shorter.at(-1) ?? '';
    const open = PAIRS[last];
    const unbalanced =
      open !== undefined &&
      shorter.split(last).length > shorter.split(open).length;
    const next = unbalanced ? shorter.slice(0, -1) : shorter;
    if (next === url) return url;
    url = next;
  }
}
