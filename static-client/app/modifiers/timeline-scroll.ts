import Modifier, { type ArgsFor } from 'ember-modifier';
import { registerDestructor } from '@ember/destroyable';

/** Where the divider above what is new is, seen from what is seen; nothing if it is not rendered. */
export type Whereabouts = 'above' | 'seen' | 'below' | undefined;

/** Where the reader wants to be; another one each time. */
export interface Goal {
  to: 'divider' | 'start';
}

interface Signature {
  Element: HTMLElement;
  Args: {
    /** Anything that changes when the content changes. */
    Positional: [unknown];
    Named: {
      /** Whether the last message is rendered: there is nothing below it. */
      atEnd: boolean;
      /** The user's own message that is being sent, if any: the timeline scrolls to the end with it. */
      sending: string | undefined;
      goal: Goal | undefined;
      /** Something if it is to be told where the divider is. */
      seeks: unknown;
      onLook: (divider: Whereabouts) => void;
      onTop: () => void;
      onEnd: () => void;
      onBottom: (atBottom: boolean) => void;
    };
  };
}

/** Distance from the end that counts as the end, in px. */
const BOTTOM_SLACK = 48;
/** Distance from the beginning or end of the rendered rows at which more are requested, in px. */
const MORE_SLACK = 400;
/** So much is seen above the divider that is gone to, in px: the bar that led there, and a line. */
const ABOVE = 80;

/**
 * Keeps what is being read in place: at the end, new messages push it up; anywhere else the first visible row stays
 * where it is, whatever is added before or after it.
 */
export default class TimelineScroll extends Modifier<Signature> {
  #element: HTMLElement | undefined;
  #named!: Signature['Args']['Named'];
  #stuck = true;
  /**
   * What is kept in place: the first visible message, and the distance from the end in case the message is removed.
   */
  #anchor: { element: HTMLElement; offset: number; left: number } | undefined;
  #asking: number | undefined;
  #observer: ResizeObserver | undefined;
  #atEnd = true;
  #sent: string | undefined;
  /** The size of the content and of the room for it when the end was last gone to, in px. */
  #ended = '';
  #goal: Goal | undefined;

  modify(
    element: HTMLElement,
    _: ArgsFor<Signature>['positional'],
    named: ArgsFor<Signature>['named'],
  ) {
    this.#named = named;
    this.#atEnd = named.atEnd;
    const { sending } = named;
    if (sending !== undefined && sending !== this.#sent) {
      this.#sent = sending;
      // Outside of rendering: its report changes what is rendered.
      if (this.#element) queueMicrotask(this.#toEnd);
    }
    if (!this.#element) {
      this.#element = element;
      element.addEventListener('scroll', this.#scrolled, { passive: true });
      element.addEventListener('timeline:end', this.#toEnd);
      this.#observer = new ResizeObserver(() => this.#adjust());
      this.#observer.observe(element);
      registerDestructor(this, () => {
        element.removeEventListener('scroll', this.#scrolled);
        element.removeEventListener('timeline:end', this.#toEnd);
        this.#observer?.disconnect();
        if (this.#asking !== undefined) cancelAnimationFrame(this.#asking);
      });
    }
    // A new row has its size only once it is laid out, and that of all of them may be what it was before. What is
    // observed anew is reported in any case.
    const content = element.firstElementChild;
    if (content) {
      this.#observer?.unobserve(content);
      this.#observer?.observe(content);
    }
    if (named.goal && named.goal !== this.#goal) {
      this.#goal = named.goal;
      this.#goTo(named.goal);
    } else this.#adjust();
  }

  #goTo({ to }: Goal) {
    const element = this.#element!;
    const divider = to === 'divider' ? this.#divider() : undefined;
    element.scrollTop = divider ? divider.offsetTop - ABOVE : 0;
    // Few messages are all seen at once.
    this.#stuck = this.#atBottom();
    this.#record();
    this.#askSoon();
    // Outside of rendering, as above.
    queueMicrotask(() => this.#report());
  }

  #divider(): HTMLElement | null {
    return this.#element!.querySelector<HTMLElement>('.divider');
  }

  /** Tells where the divider is. */
  #look() {
    if (this.#named.seeks === undefined) return;
    const { scrollTop, clientHeight } = this.#element!;
    const divider = this.#divider();
    if (!divider) this.#named.onLook(undefined);
    else if (divider.offsetTop + divider.offsetHeight <= scrollTop)
      this.#named.onLook('above');
    else if (divider.offsetTop >= scrollTop + clientHeight)
      this.#named.onLook('below');
    else this.#named.onLook('seen');
  }

  #adjust() {
    const element = this.#element;
    if (!element?.isConnected) return;
    if (this.#stuck) {
      // At the end there is nothing else to keep in place, and rows need not be measured.
      element.scrollTop = element.scrollHeight;
      this.#ended = this.#size();
      this.#anchor = undefined;
      this.#askSoon();
      return;
    }
    if (this.#anchor) {
      const { element: row, offset, left } = this.#anchor;
      const moved = row.isConnected
        ? row.offsetTop - element.scrollTop - offset
        : element.scrollHeight - element.scrollTop - left;
      if (Math.abs(moved) >= 1) element.scrollTop += moved;
    }
    this.#record();
    this.#askSoon();
  }

  /** Requests more outside of rendering, as the result changes what is rendered, and once per frame. */
  #askSoon() {
    this.#asking ??= requestAnimationFrame(() => {
      this.#asking = undefined;
      if (this.#element?.isConnected) this.#askForMore();
    });
  }

  #askForMore() {
    this.#look();
    const element = this.#element!;
    if (element.scrollTop < MORE_SLACK) this.#named.onTop();
    else if (!this.#atEnd && this.#below() < MORE_SLACK) this.#named.onEnd();
  }

  /** How much of the rendered content is below the visible part. */
  #below(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.#element!;
    return scrollHeight - scrollTop - clientHeight;
  }

  #toEnd = () => {
    if (!this.#element?.isConnected) return;
    this.#stuck = true;
    this.#adjust();
    this.#report();
  };

  /** What is there, and how much of it is seen. */
  #size(): string {
    const { scrollHeight, clientHeight } = this.#element!;
    return `${scrollHeight} ${clientHeight}`;
  }

  #scrolled = () => {
    // Rows that change and a composer that grows move the end away; that is not the reader leaving it.
    if (this.#stuck && this.#atEnd && this.#size() !== this.#ended) {
      this.#adjust();
      return;
    }
    this.#stuck = this.#atBottom();
    if (this.#stuck) this.#anchor = undefined;
    else this.#record();
    this.#report();
    this.#askForMore();
  };

  #atBottom(): boolean {
    return this.#atEnd && this.#below() < BOTTOM_SLACK;
  }

  #reported: boolean | undefined;

  #report() {
    if (this.#reported === this.#stuck) return;
    this.#reported = this.#stuck;
    this.#named.onBottom(this.#stuck);
  }

  #record() {
    const element = this.#element!;
    // Separators and lines about joins and leaves move or change when something is added before them; messages do
    // not.
    const rows = element.querySelectorAll<HTMLElement>('article[data-row]');
    const top = element.scrollTop;
    let low = 0;
    let high = rows.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = rows[middle]!;
      if (row.offsetTop + row.offsetHeight <= top) low = middle + 1;
      else high = middle;
    }
    const row = rows[low];
    this.#anchor = row && {
      element: row,
      offset: row.offsetTop - top,
      left: element.scrollHeight - top,
    };
  }
}
