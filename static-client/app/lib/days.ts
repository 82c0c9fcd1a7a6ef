/** Calendar days: UTC for archives, local time for people. */

/** Formats a time's UTC day as in archives, `2026/01/15`. */
export function archiveDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10).replaceAll('-', '/');
}

/** Returns whether a text is such a day. */
export function isArchiveDay(text: unknown): text is string {
  return typeof text === 'string' && /^\d{4}\/\d{2}\/\d{2}$/.test(text);
}

/** The local day of a time, as a key. */
export function localDay(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

const DAY = 86_400_000;

const dayNames = new Intl.DateTimeFormat('en', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
});
const dayNamesWithYear = new Intl.DateTimeFormat('en', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});
const times = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
});
const fullTimes = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'full',
  timeStyle: 'medium',
});

/** Names a day: Today, Yesterday, or the date. */
export function dayLabel(at: number, now: number): string {
  const day = localDay(at);
  if (day === localDay(now)) return 'Today';
  if (day === localDay(now - DAY)) return 'Yesterday';
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? dayNames : dayNamesWithYear).format(at);
}

/** Says since when, in the middle of a sentence: `14:03`, `yesterday, 14:03`, or the date. */
export function sinceLabel(at: number, now: number): string {
  const day = localDay(at);
  if (day === localDay(now)) return timeLabel(at);
  if (day === localDay(now - DAY)) return `yesterday, ${timeLabel(at)}`;
  return dayLabel(at, now);
}

/** `14:03`. */
export function timeLabel(at: number): string {
  return times.format(at);
}

/** Date and time in full. */
export function fullTimeLabel(at: number): string {
  return fullTimes.format(at);
}
