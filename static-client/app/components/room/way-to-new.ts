/** What was new when the reader came, above what is seen, and the way to where it begins. */

import { cached, tracked } from '@glimmer/tracking';
import { newsLabel, newsSince, type News } from '../../lib/chat/news.ts';
import type { Room } from '../../lib/chat/types.ts';
import type { Whereabouts } from '../../modifiers/timeline-scroll.ts';
import type HistoryService from '../../services/history.ts';
import type { Reading } from './reading.ts';

/** So many entries before what is new are rendered with it. */
const CONTEXT = 40;
/** The most pages that are loaded for the way to what is new; one has whole days. */
const PAGES = 50;

/** What is shown. */
interface View {
  room: () => Room;
  /** The rendered entries. */
  range: () => { start: number; end: number };
  isSettled: () => boolean;
  /** Renders the entries from this one on, with the divider where the reader wants to be. */
  goTo: (index: number) => void;
}

export class WayToNew {
  readonly #history: HistoryService;
  readonly #reading: Reading;
  readonly #view: View;
  /** The reader has been at the divider of this time, or does not want to. */
  @tracked private reachedAt: number | undefined;
  @tracked private divider: Whereabouts;
  /** What is older is loaded for the way to the divider. */
  @tracked seeking = false;
  #stopped = false;

  constructor(history: HistoryService, reading: Reading, view: View) {
    this.#history = history;
    this.#reading = reading;
    this.#view = view;
  }

  /** What was new when the reader came, until they have seen where it begins. */
  @cached
  get news(): News | undefined {
    const { dividerAt } = this.#reading;
    if (dividerAt === undefined || dividerAt === this.reachedAt) {
      return undefined;
    }
    return newsSince(this.#view.room().entries, dividerAt);
  }

  get #status(): string {
    return this.#history.of(this.#view.room().key).status;
  }

  /** Nothing that is new is still to be loaded. */
  get #isExact(): boolean {
    return Boolean(this.news?.whole) || this.#status === 'complete';
  }

  /** Says what is new if it begins above what is seen. */
  get label(): string {
    const { news } = this;
    const { dividerAt } = this.#reading;
    if (!news || dividerAt === undefined || !this.#view.isSettled()) return '';
    const { start, end } = this.#view.range();
    const rendered = news.first >= start && news.first < end;
    const above = rendered ? this.divider === 'above' : news.first < start;
    if (!above) return '';
    return newsLabel(news, this.#isExact, dividerAt, Date.now());
  }

  looked = (divider: Whereabouts) => {
    if (this.#stopped) return;
    if (this.divider !== divider) this.divider = divider;
    // Whoever is above it has passed it.
    const reached = divider === 'seen' || divider === 'below';
    if (reached && this.#isExact && this.#view.isSettled()) this.dismiss();
  };

  dismiss = () => {
    const { dividerAt } = this.#reading;
    if (this.reachedAt !== dividerAt) this.reachedAt = dividerAt;
  };

  /** Goes to where what is new begins. */
  async go() {
    if (this.seeking) return;
    this.seeking = true;
    for (let page = 0; page < PAGES && this.news && !this.#isExact; page++) {
      if (this.#status === 'failed') break;
      await this.#history.loadOlder(this.#view.room().key);
      if (this.#stopped) return;
    }
    this.seeking = false;
    if (this.news) this.#view.goTo(this.news.first - CONTEXT);
  }

  /** The room is not shown any more. */
  stop() {
    this.#stopped = true;
  }
}
