/**
 * People's names as displayed: a name is visible, hides nothing, and does not reverse the text around it. The server
 * makes the same check (`protocol::readable_name`) on names it accepts; this one applies to everything received.
 */

/** Maximum length of a guest's name, in characters. */
export const MAX_NAME = 40;

/** Maximum combining marks per letter, which is enough for every script; more would overlap other lines. */
export const MAX_MARKS = 4;
const MARK = /\p{M}/u;

/**
 * Invisible characters, and ones that change how others look: `Default_Ignorable_Code_Point`, separators and
 * annotations.
 */
const INVISIBLE =
  // eslint-disable-next-line no-misleading-character-class -- they are looked for one by one
  /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;
/** U+2800 is a Braille pattern without dots. */
const BLANK = /[\s\u2800]/u;
/** U+FEFF is not whitespace, whatever browsers say. */
const BLANKS = /[^\S\ufeff]+/gu;
const CONTROL = /\p{Cc}/u;
const ASCII = /\p{ASCII}/u;

/**
 * Returns whether an invisible character is functional: some emoji, and letters of some scripts, are joined by one.
 */
function isJoined(before: string, one: string, after: string): boolean {
  const beside = (other: string) =>
    other !== '' &&
    !ASCII.test(other) &&
    !/\s/u.test(other) &&
    (other === '\ufe0f' || !INVISIBLE.test(other));
  if (one === '\u200c' || one === '\u200d') {
    return beside(before) && beside(after);
  }
  return (
    one === '\ufe0f' &&
    before !== '' &&
    !/\s/u.test(before) &&
    !INVISIBLE.test(before)
  );
}

/** Removes combining marks that follow nothing, or too many others. */
function unstacked(name: string): string {
  let marks = MAX_MARKS;
  return [...name]
    .filter((one) => {
      marks = MARK.test(one) ? marks + 1 : 0;
      return marks <= MAX_MARKS;
    })
    .join('');
}

/** A name's characters, each with whether it may be shown. */
function looked(name: string): { one: string; seen: boolean }[] {
  const all = [...name];
  return all.map((one, at) => ({
    one,
    seen:
      !CONTROL.test(one) &&
      (!INVISIBLE.test(one) ||
        isJoined(all[at - 1] ?? '', one, all[at + 1] ?? '')),
  }));
}

function isEmpty(name: string): boolean {
  return [...name].every((one) => BLANK.test(one) || INVISIBLE.test(one));
}

/** Trims whitespace, and collapses it within. */
function tidy(name: string): string {
  return name.replace(BLANKS, ' ').replace(/^ | $/g, '');
}

/** The problem with a name that someone wants to use, or undefined. */
export function troubleWithName(name: string): string {
  const trimmed = tidy(name);
  if (isEmpty(trimmed)) return 'Enter a visible name.';
  if ([...trimmed].length > MAX_NAME) {
    return `Use at most ${MAX_NAME} characters.`;
  }
  if (looked(trimmed).some(({ seen }) => !seen)) {
    return "A name can't contain characters that are invisible or change the text direction.";
  }
  if (unstacked(trimmed) !== trimmed) {
    return `A name can't stack more than ${MAX_MARKS} marks on a letter.`;
  }
  return '';
}

/** A received name, as displayed. */
export function shownName(name: string): string {
  const seen = looked(name.slice(0, 8 * MAX_NAME))
    .filter(({ seen }) => seen)
    .map(({ one }) => one)
    .join('');
  const shown = tidy(unstacked(seen));
  if (isEmpty(shown)) return 'Unnamed';
  const all = [...shown];
  return all.length > 2 * MAX_NAME
    ? `${all.slice(0, 2 * MAX_NAME).join('')}…`
    : shown;
}
