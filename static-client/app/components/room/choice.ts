/** The message for which there are actions on the screen, and the keys and pointers that choose it. */

import { tracked } from '@glimmer/tracking';
import type UiService from '../../services/ui.ts';

/** How it was chosen: one that is pointed at goes with the pointer, the others stay until they are closed. */
type By = 'pointer' | 'touch' | 'key';

export interface Chosen {
  id: string;
  row: HTMLElement;
  by: By;
}

/** What keys lead to besides messages. */
interface Ends {
  toStart: () => void;
  toEnd: (event: Event) => void;
}

/** A press beside the actions and the click that it makes are not further apart, in ms. */
const ONE_PRESS = 1000;

const ROW = 'article[data-entry]';

export class Choice {
  @tracked chosen: Chosen | undefined;

  readonly #ui: UiService;
  readonly #ends: Ends;
  /** Something is being done with the message. */
  #held = false;
  /** It can be closed by the button Back. */
  #entered = false;
  /** The message whose actions a press beside them has closed. */
  #closed: { id: string; at: number } | undefined;

  constructor(ui: UiService, ends: Ends) {
    this.#ui = ui;
    this.#ends = ends;
  }

  hold = (held: boolean) => {
    this.#held = held;
    this.#note();
  };

  /** Closes the actions; the focus goes to the message if it was in them. */
  close = () => {
    const { chosen } = this;
    if (!chosen) return;
    const { activeElement } = document;
    // Some browsers do not focus a button that is pressed.
    const within =
      activeElement?.closest('.message-actions') ??
      (this.#isOpen && activeElement === document.body);
    this.#drop();
    if (within && chosen.row.isConnected) {
      chosen.row.focus({ preventScroll: true });
    }
  };

  /** Something else was pressed or focused. */
  left = (event: Event) => {
    const { chosen } = this;
    if (!chosen || !this.#isOpen) return;
    const pressed = event.type === 'pointerdown' && this.#idAt(event.target);
    this.#closed =
      pressed === chosen.id
        ? { id: chosen.id, at: event.timeStamp }
        : undefined;
    this.#drop();
  };

  /** The message is out of sight. What is being typed stays. */
  gone = () => {
    if (!this.#held) this.close();
  };

  /** The room is not shown any more. */
  stop() {
    this.#drop();
  }

  #drop() {
    this.#held = false;
    this.chosen = undefined;
    this.#note();
  }

  get #isOpen(): boolean {
    return Boolean(this.chosen && (this.#held || this.chosen.by !== 'pointer'));
  }

  #note() {
    if (this.#isOpen === this.#entered) return;
    this.#entered = !this.#entered;
    if (this.#entered) this.#ui.menuOpened(this.#back);
    else this.#ui.menuClosed(this.#back);
  }

  #back = () => {
    this.#entered = false;
    this.#held = false;
    this.close();
  };

  #idAt(target: EventTarget | null): string | undefined {
    if (!(target instanceof Element)) return undefined;
    return target.closest<HTMLElement>(ROW)?.dataset['entry'];
  }

  #choose(target: EventTarget | null, by: By) {
    if (this.#held || !(target instanceof Element)) return;
    const row = target.closest<HTMLElement>(ROW);
    const id = this.#idAt(row);
    if (!row || !id) return;
    if (this.chosen?.id === id && by === 'pointer') return;
    this.chosen = { id, row, by };
    this.#note();
  }

  over = (event: PointerEvent) => {
    if (event.pointerType === 'touch' || this.#isOpen) return;
    this.#choose(event.target, 'pointer');
  };

  /** On a screen that is touched; the message whose actions are there closes them. */
  tap = (event: MouseEvent) => {
    const { target } = event;
    const closed = this.#closed;
    this.#closed = undefined;
    if (!(target instanceof Element)) return;
    if (target.closest('a, button, pre')) return;
    const id = this.#idAt(target);
    const again = closed?.id === id && closed !== undefined;
    if (again && event.timeStamp - closed.at < ONE_PRESS) return;
    if (this.chosen?.id === id) return;
    const isMouse =
      event instanceof PointerEvent && event.pointerType === 'mouse';
    this.#choose(target, isMouse ? 'pointer' : 'touch');
  };

  leave = (event: PointerEvent) => {
    // A touch leaves whenever it ends, before the click that it makes.
    if (event.pointerType !== 'touch' && !this.#isOpen) this.#drop();
  };

  scrolled = () => {
    if (!this.#isOpen) this.#drop();
  };

  /** From the messages as a whole Enter leads to the last one; from one to what can be done with it. */
  press = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (!event.shiftKey && (event.key === 'Home' || event.key === 'End')) {
      event.preventDefault();
      if (event.key === 'Home') this.#ends.toStart();
      else this.#ends.toEnd(event);
      return;
    }
    const timeline = event.currentTarget as HTMLElement;
    const { target } = event;
    const rows = [...timeline.querySelectorAll<HTMLElement>(ROW)];
    const at = rows.indexOf(target as HTMLElement);
    if (target !== timeline && at < 0) return;
    let next: HTMLElement | undefined;
    if (event.key === 'Enter' && at < 0) next = rows.at(-1);
    else if (event.key === 'Enter') this.#choose(target, 'key');
    else if (event.key === 'ArrowUp' && at >= 0) next = rows[at - 1];
    else if (event.key === 'ArrowDown' && at >= 0) next = rows[at + 1];
    else return;
    event.preventDefault();
    next?.focus();
  };
}
