import { modifier } from 'ember-modifier';

interface Signature {
  Element: HTMLElement;
  Args: {
    /** The row, and anything that changes when rows do. */
    Positional: [row: HTMLElement, changes: unknown];
    Named: {
      /** The row cannot be seen any more. */
      onGone: () => void;
    };
  };
}

/** So much of the element stands above its row, in px. */
const ABOVE = 18;
/** What its first line takes, in px. */
const LINE = 42;
/** The least distance from the edges, in px. */
const EDGE = 4;

/**
 * Places an element at a row of the timeline beside which it lies, and keeps it there: rows move when one comes, also where
 * nothing scrolls, since few rows stand at the end. The changes must be read here: a modifier runs again only for arguments
 * that it has read.
 */
export default modifier<Signature>((element, [row, _changes], { onGone }) => {
  const timeline = row.closest<HTMLElement>('.timeline');
  if (!timeline) return;
  const place = () => {
    const height = timeline.clientHeight;
    const top = row.offsetTop - timeline.scrollTop;
    if (!row.isConnected || top + row.offsetHeight < 0 || top > height) {
      return false;
    }
    const above = top - ABOVE;
    const most = Math.max(EDGE, height - element.offsetHeight - EDGE);
    const within = (distance: number) =>
      `${Math.min(most, Math.max(EDGE, distance))}px`;
    // In the lower half it grows upwards, so that all of it stays on the screen.
    const low = above > height / 2;
    element.style.top = low ? 'auto' : within(above);
    element.style.bottom = low ? within(height - above - LINE) : 'auto';
    return true;
  };
  const again = () => {
    if (!place()) onGone();
  };
  place();
  // Rows have their sizes only once they are laid out: what is observed anew is reported then.
  const observer = new ResizeObserver(again);
  for (const sized of [timeline, timeline.firstElementChild, element]) {
    if (sized) observer.observe(sized);
  }
  timeline.addEventListener('scroll', again, { passive: true });
  return () => {
    observer.disconnect();
    timeline.removeEventListener('scroll', again);
  };
});
