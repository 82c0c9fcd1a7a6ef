/** Finds a message of a room, wherever it is, and shows it. */

import type { Room } from '../../lib/chat/types.ts';
import type HistoryService from '../../services/history.ts';

/** It is shown with so many before it. */
const BEFORE = 20;
/** So many times older messages are loaded to find one. */
const TRIES = 5;
/** So many turns of the event loop's microtasks it may take until what is to be rendered is. */
const TURNS = 10;
/** The message that was sought is marked for so long, in ms. */
const MARKED = 2000;

/** What is shown. */
interface View {
  room: () => Room;
  /** The rendered entries. */
  range: () => { start: number; end: number };
  /** Renders the entries from this one on. */
  renderFrom: (index: number) => void;
  /** The room is not shown any more. */
  isGone: () => boolean;
}

/** The row of a message, as soon as it is rendered. */
async function rendered(frame: HTMLElement, id: string) {
  const selector = `article[data-entry="${CSS.escape(id)}"]`;
  let row = frame.querySelector<HTMLElement>(selector);
  for (let turns = 0; turns < TURNS && !row; turns++) {
    await Promise.resolve();
    row = frame.querySelector<HTMLElement>(selector);
  }
  return row;
}

/** Shows the message with an id in a frame. Returns whether it is known, or nobody wants to see it any more. */
export async function seek(
  id: string,
  frame: HTMLElement,
  history: HistoryService,
  view: View,
): Promise<boolean> {
  const { key } = view.room();
  for (
    let tries = 0;
    tries < TRIES &&
    !view.room().ids.has(id) &&
    history.of(key).status === 'idle';
    tries++
  ) {
    await history.loadOlder(key);
    if (view.isGone() || view.room().key !== key) return true;
  }
  const index = view.room().entries.findIndex((entry) => entry.id === id);
  if (index < 0) return false;
  const { start, end } = view.range();
  if (index < start || index >= end) view.renderFrom(index - BEFORE);
  // It is rendered before anything else happens; a frame later what is near the end of it would be asked for.
  const row = await rendered(frame, id);
  if (view.isGone()) return true;
  row?.scrollIntoView({ block: 'center' });
  row?.focus({ preventScroll: true });
  row?.classList.add('sought');
  setTimeout(() => row?.classList.remove('sought'), MARKED);
  return true;
}
