/** One is in #general, where bob has said something. */

import {
  find,
  settled,
  triggerEvent,
  visit,
  waitFor,
} from '@ember/test-helpers';
import type { Feature } from 'subspace-client/lib/protocol';
import { arrival, attendance, said, state } from './chat';
import { shows } from './rows';
import type { FakeServer } from './server';

export const ALL: readonly Feature[] = [
  'deletion',
  'reactions',
  'replies',
  'typing',
];

/** So many lines are there, `m0` and so on; the last one is one's own. */
export async function arriveInGeneral(
  server: FakeServer,
  lines = 2,
  supports: readonly Feature[] = ALL,
) {
  server.signIn();
  await visit('/');
  await server.greet(1, [
    ...arrival(['alice', 'bob']),
    state('online', 'Connected.', { nick: 'alice', supports: [...supports] }),
    attendance('#general', ['alice', 'bob']),
  ]);
  await waitFor('[data-test-member="alice"]');
  const now = Date.now();
  server.socket.say(
    ...Array.from({ length: lines }, (_, n) =>
      said(
        n === lines - 1 ? 'alice' : 'bob',
        '#general',
        `line ${n}`,
        now - (lines - n) * 100,
        { id: `m${n}` },
      ),
    ),
  );
  await shows(`line ${lines - 1}`);
  await settled();
}

export const message = (id: string) => `[data-test-message="${id}"]`;

/** The mouse is over a message. */
export async function point(id: string) {
  await triggerEvent(message(id), 'pointerover', { pointerType: 'mouse' });
  await waitFor(`[data-test-message-actions="${id}"]`);
}

/** What is rendered is laid out, and what that scrolls is told. */
export async function frames(count = 3) {
  for (let n = 0; n < count; n++) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

/** How far the actions are from where they begin at their message, in px. */
export function astray(id: string): number {
  const element = find(message(id)) as HTMLElement;
  const row = element.getBoundingClientRect();
  const actions = find('[data-test-message-actions]')!.getBoundingClientRect();
  // The page of the tests is shown smaller than it is.
  const scale = row.height / element.offsetHeight;
  const above = row.top - 18 * scale;
  const below = above + 42 * scale;
  return Math.min(
    Math.abs(actions.top - above),
    Math.abs(actions.bottom - below),
  );
}
