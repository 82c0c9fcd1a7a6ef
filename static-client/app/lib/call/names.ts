/**
 * Names of people as they are shown: one can see that there is a name, and it hides nothing and turns nothing around it.
 * The server has the same check (`protocol::readable_name`) for what it takes; this one holds whatever comes.
 */

/** The longest name of a guest, in characters. */
export const MAX_NAME = 40;

/** So many combining marks stand on one letter, which is enough for every script; more would stand on other lines. */
export const MAX_MARKS = 4;
const MARK = /\p{M}/u;

/** What is not shown, or changes how others are: `Default_Ignorable_Code_Point`, separators and annotations. */
const INVISIBLE =
  // eslint-disable-next-line no-misleading-character-class -- they are looked for one by one
  /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;
/** U+2800 is a pattern without dots. */
const BLANK = /[\s\u2800]/u;
/** U+FEFF is no blank, whatever browsers say. */
const BLANKS = /[^\S\ufeff]+/gu;
const CONTROL = /\p{Cc}/u;
const ASCII = /\p{ASCII}/u;

/** Whether an invisible character does its work: emoji are joined by some, and so are letters of some scripts. */
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

/** Takes away marks that stand on nothing, or on too many others. */
function unstacked(name: string): string {
  let marks = MAX_MARKS;
  return [...name]
    .filter((one) => {
      marks = MARK.test(one) ? marks + 1 : 0;
      return marks <= MAX_MARKS;
    })
    .join('');
}

/** The characters of a name, and which of them may be shown. */
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

/** Blanks at the ends are gone, and several within are one. */
function tidy(name: string): string {
  return name.replace(BLANKS, ' ').replace(/^ | $/g, '');
}

/** What is wrong with a name that somebody wants to have, or nothing. */
export function troubleWithName(name: string): string {
  const trimmed = tidy(name);
  if (isEmpty(trimmed)) return 'Enter a name that can be seen.';
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

/** A name that came, as it is shown. */
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
