/** mIRC formatting codes: parsed into spans, or stripped. */

export interface Style {
  bold?: boolean;
  italic?: boolean;
  underline?: boolean;
  strike?: boolean;
  mono?: boolean;
  /** 0 to 15; other colours are ignored. */
  fg?: number;
  bg?: number;
}

export interface Span extends Style {
  text: string;
}

type Toggle = 'bold' | 'italic' | 'underline' | 'strike' | 'mono';

const TOGGLES: Record<string, Toggle> = {
  '\x02': 'bold',
  '\x1d': 'italic',
  '\x1f': 'underline',
  '\x1e': 'strike',
  '\x11': 'mono',
};
const COLOUR = /^(\d{1,2})(?:,(\d{1,2}))?/;
const HEX_COLOUR = /^[0-9a-fA-F]{6}(?:,[0-9a-fA-F]{6})?/;
/** Maximum length of the codes after such a character: two hexadecimal colours and a comma. */
const LONGEST = 13;
/* eslint-disable no-control-regex -- the codes are control characters */
const CODES = /[\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f]/;
const OTHER_CONTROLS = /[\x00-\x08\x0b-\x1f\x7f]/g;
/* eslint-enable no-control-regex */

/** Splits a text into spans of one style; other control characters are dropped. */
export function parseIrc(text: string): Span[] {
  if (!CODES.test(text)) {
    const plain = text.replace(OTHER_CONTROLS, '');
    return plain ? [{ text: plain }] : [];
  }
  const spans: Span[] = [];
  let style: Style = {};
  let run = '';
  const flush = () => {
    const plain = run.replace(OTHER_CONTROLS, '');
    if (plain) spans.push({ text: plain, ...style });
    run = '';
  };
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    const toggle = TOGGLES[char];
    if (toggle) {
      flush();
      style = { ...style, [toggle]: !style[toggle] };
      if (!style[toggle]) delete style[toggle];
    } else if (char === '\x0f') {
      flush();
      style = {};
    } else if (char === '\x16') {
      flush();
      const { fg, bg, ...rest } = style;
      style = { ...rest, ...colours(bg ?? 0, fg ?? 1) };
    } else if (char === '\x03') {
      flush();
      const found = COLOUR.exec(text.slice(i + 1, i + 1 + LONGEST));
      const { fg: _, bg, ...rest } = style;
      if (found) {
        const back = found[2] === undefined ? bg : Number(found[2]);
        style = { ...rest, ...colours(Number(found[1]), back) };
        i += found[0].length;
      } else {
        style = rest;
      }
    } else if (char === '\x04') {
      flush();
      const found = HEX_COLOUR.exec(text.slice(i + 1, i + 1 + LONGEST));
      i += found?.[0].length ?? 0;
    } else {
      run += char;
    }
  }
  flush();
  return spans;
}

function colours(fg: number, bg: number | undefined): Style {
  return {
    ...(fg <= 15 ? { fg } : {}),
    ...(bg !== undefined && bg <= 15 ? { bg } : {}),
  };
}

/** Returns the text without formatting. */
export function stripIrc(text: string): string {
  return parseIrc(text)
    .map((span) => span.text)
    .join('');
}
