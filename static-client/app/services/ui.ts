import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import { buildWaiter } from '@ember/test-waiters';
import type RouterService from '@ember/routing/router-service';
import type { Connection } from '../lib/chat/types.ts';

export type Dialog =
  | { kind: 'join'; networkId: string }
  | { kind: 'invite' }
  | { kind: 'network'; connection?: Connection }
  | { kind: 'account'; networkId: string }
  | { kind: 'switcher' }
  | { kind: 'topic'; key: string }
  | { kind: 'call'; key: string }
  | { kind: 'put-out'; peer: string }
  | { kind: 'end-call' }
  | { kind: 'webhooks'; key: string }
  | { kind: 'mail'; key: string }
  | { kind: 'help' };

/** What was just done, and how to undo it. */
export interface Toast {
  text: string;
  undo: () => void;
  /** Whether it still applies: something undone in another way is no longer offered. */
  stands?: () => boolean;
}

/** How long an action can be undone, in ms. */
const TOAST_TIME = 8_000;
/** Going to another page after this time counts as dismissal, in ms; leaving a room changes the page by itself. */
const TOAST_PAUSE = 1_000;

/** The part of a router transition that is used here. */
interface Transition {
  from?: { name: string } | null;
  to?: { name: string } | null;
  isAborted: boolean;
  abort(): unknown;
  retry(): { finally(done: () => void): unknown };
  method(how: 'replace'): unknown;
}

/** Entries that were made, of whatever service: tests have several. */
let made = 0;

/** Tests wait until the history is what it will be. */
const waiter = buildWaiter('subspace:history');

/**
 * What is open on the screen has an entry in the browser's history, one for all of it, so the button Back, which a
 * telephone has at hand, closes it first; a page that is opened from it takes over that entry. What is closed by hand
 * takes the entry away by going back, which the browser does in its own time and which would undo a change of the page
 * that comes meanwhile: that one waits.
 *
 * A second step in a dialog has an entry of its own above that one: Back leads from it to the step before.
 *
 * A dialog or a drawer is closed when the page changes. A menu belongs to what it stands in, and goes with it only: behind
 * a change of the page that leaves it open it gets an entry again.
 */
export default class UiService extends Service {
  @service declare router: RouterService;

  @tracked dialog: Dialog | undefined;
  /** The drawer that is open on a narrow screen. */
  @tracked drawer: 'navigation' | 'members' | undefined;
  /** The member list on a wide screen. */
  @tracked membersShown = true;
  /** Announced to screen readers. */
  @tracked announcement = '';
  @tracked toast: Toast | undefined;
  /** The message that is being answered. */
  @tracked reply: { room: string; id: string } | undefined;
  /** The message that is being changed, and what it is to say. */
  @tracked edit: { room: string; id: string; text: string } | undefined;

  /** The newest history entry belongs to what is open, or was open a moment ago. */
  #entered = false;
  /** What is written into that entry, and into the one below it. */
  #mark = '';
  /** Menus that are open, by what Back does with them. */
  readonly #menus = new Set<() => void>();
  /** The steps in the dialog beyond its first, by what goes back from them. */
  #steps: (() => void)[] = [];
  /** So many of the steps have an entry; those of a dialog that is closed, too, until they are taken away. */
  #stepped = 0;
  /** The page is changing: an entry that is made now would come below that of the next page. */
  #changing = false;
  /** That entry is being taken away, which the browser does in its own time. */
  #leaving = false;
  /** The page change waiting for that, the latest one. */
  #waiting: Transition | undefined;
  #listening = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #offeredAt = 0;

  open = (dialog: Dialog) => {
    this.#shut();
    this.dialog = dialog;
    this.#enter();
  };

  close = () => {
    if (!this.dialog) return;
    this.dialog = undefined;
    this.#steps = [];
    this.#leave();
  };

  openDrawer = (drawer: 'navigation' | 'members') => {
    this.drawer = this.drawer === drawer ? undefined : drawer;
    if (this.drawer) this.#enter();
    else this.#leave();
  };

  closeDrawer = () => {
    if (!this.drawer) return;
    this.drawer = undefined;
    this.#leave();
  };

  /** A menu was opened; `back` closes it and is called once. Whoever opened it tells when it is closed in another way. */
  menuOpened(back: () => void) {
    this.#menus.add(back);
    this.#enter();
  }

  menuClosed(back: () => void) {
    if (this.#menus.delete(back)) this.#leave();
  }

  /** A dialog shows another step; `back` leads from it to the one before, and is called once, by the button Back. */
  enterStep(back: () => void) {
    if (!this.dialog) return;
    this.#steps.push(back);
    this.#pushSteps();
  }

  /** The step before was chosen in the dialog itself. */
  leaveStep(back: () => void) {
    const at = this.#steps.indexOf(back);
    if (at < 0) return;
    this.#steps.length = at;
    const count = this.#stepped - at;
    if (count <= 0) return;
    this.#stepped = at;
    this.#goBack(count, waiter.beginAsync());
  }

  #pushSteps() {
    if (!this.#entered || this.#leaving || this.#changing) return;
    while (this.#stepped < this.#steps.length) {
      this.#stepped += 1;
      history.pushState({ layer: this.#mark, step: this.#stepped }, '');
    }
  }

  get #isOpen(): boolean {
    return Boolean(this.dialog ?? this.drawer) || this.#menus.size > 0;
  }

  #shut() {
    this.dialog = undefined;
    this.drawer = undefined;
    this.#steps = [];
  }

  /** The message that is answered in a room by what is sent now. */
  takeReply(room: string): string | undefined {
    if (this.reply?.room !== room) return undefined;
    const { id } = this.reply;
    this.reply = undefined;
    return id;
  }

  /** The composer is for one of them at a time. */
  beginReply(room: string, id: string) {
    this.edit = undefined;
    this.reply = { room, id };
  }

  beginEdit(room: string, { id, text }: { id: string; text: string }) {
    this.reply = undefined;
    this.edit = { room, id, text };
  }

  announce(text: string) {
    this.announcement = text;
  }

  /** Offers to undo what was just done. */
  offer(toast: Toast) {
    clearTimeout(this.#timer);
    this.toast = toast;
    this.#offeredAt = performance.now();
    this.announce(toast.text);
    this.#listen();
    this.#timer = setTimeout(this.dismiss, TOAST_TIME);
  }

  dismiss = () => {
    clearTimeout(this.#timer);
    this.toast = undefined;
  };

  /** Removes the history entry of an open layer, so that Back has nothing to skip afterwards. */
  willDestroy() {
    clearTimeout(this.#timer);
    if (this.#listening) {
      this.router.off('routeWillChange', this.#goes);
      this.router.off('routeDidChange', this.#gone);
    }
    this.#shut();
    this.#menus.clear();
    this.#waiting = undefined;
    if (this.#entered) this.#takeAway(waiter.beginAsync());
    if (!this.#leaving) window.removeEventListener('popstate', this.#back);
    super.willDestroy();
  }

  #listen() {
    if (this.#listening) return;
    this.#listening = true;
    window.addEventListener('popstate', this.#back);
    this.router.on('routeWillChange', this.#goes);
    this.router.on('routeDidChange', this.#gone);
  }

  #enter() {
    this.#listen();
    if (this.#entered || this.#leaving || this.#changing) return;
    this.#push();
  }

  #push() {
    this.#entered = true;
    made += 1;
    this.#mark = `${performance.timeOrigin} ${made}`;
    const state = history.state as object | null;
    history.replaceState({ ...state, below: this.#mark }, '');
    history.pushState({ layer: this.#mark }, '');
    this.#stepped = 0;
    this.#pushSteps();
  }

  /** Removes the entry, unless the choice leads to another page, which takes it over. */
  #leave() {
    const token = waiter.beginAsync();
    setTimeout(() => {
      if (!this.#entered || this.#isOpen) waiter.endAsync(token);
      else if (this.#leaving) {
        // A step is being left: one after the other.
        const left = this.#left;
        this.#left = () => {
          left();
          if (this.#entered && !this.#isOpen) this.#takeAway(token);
          else waiter.endAsync(token);
        };
      } else this.#takeAway(token);
    }, 0);
  }

  #takeAway(token: ReturnType<typeof waiter.beginAsync>) {
    this.#entered = false;
    const count = 1 + this.#stepped;
    this.#stepped = 0;
    this.#goBack(count, token);
  }

  /** Takes entries away from the top. */
  #goBack(count: number, token: ReturnType<typeof waiter.beginAsync>) {
    this.#leaving = true;
    const earlier = this.#left;
    this.#left = () => {
      this.#left = () => {};
      earlier();
      waiter.endAsync(token);
      if (this.isDestroying) {
        window.removeEventListener('popstate', this.#back);
      }
    };
    if (count === 1) history.back();
    else history.go(-count);
  }

  #left = () => {};

  /** What was opened while an entry was taken away, or the page changed, or is open behind that, has its own now. */
  #reopened = () => {
    if (this.isDestroying) return;
    if (this.#leaving || this.#changing) return;
    if (this.#entered) this.#pushSteps();
    else if (this.#isOpen) this.#push();
  };

  #back = () => {
    if (this.#leaving) {
      this.#leaving = false;
      this.#left();
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting) waiting.retry().finally(this.#reopened);
      else this.#reopened();
      return;
    }
    if (!this.#entered) return;
    // Browsers tell of every other address in the same way, also of one that the router wrote a moment ago.
    const state = history.state as {
      layer?: string;
      step?: number;
      below?: string;
    } | null;
    if (state?.layer === this.#mark) {
      this.#stepBack(state.step ?? 0);
      return;
    }
    this.#entered = false;
    this.#stepped = 0;
    this.#shut();
    if (state?.below !== this.#mark) {
      this.#reopenSoon();
      return;
    }
    const menus = [...this.#menus];
    this.#menus.clear();
    for (const back of menus) back();
  };

  /** The browser is at the entry of a step; 0 is that of the dialog. */
  #stepBack(step: number) {
    // Not back: an address that the router wrote, or forward to a step that is closed.
    if (step >= this.#stepped) return;
    this.#stepped = step;
    if (this.#steps.length > step) {
      while (this.#steps.length > step) this.#steps.pop()?.();
      return;
    }
    // The steps were those of a dialog before this one.
    this.#shut();
    this.#leave();
  }

  #goes = (transition: unknown) => {
    const change = transition as Transition;
    if (change.isAborted) return;
    if (this.#leaving) {
      this.#waiting = change;
      change.abort();
      return;
    }
    const { from, to } = change;
    // The chat's own redirect to its first room is not the user's choice.
    const taken = this.#entered && to && from?.name !== 'chat.index';
    if (taken && this.#stepped) {
      // The next page takes over one entry only.
      this.#shut();
      this.#waiting = change;
      change.abort();
      this.#takeAway(waiter.beginAsync());
      return;
    }
    this.#changing = true;
    if (performance.now() - this.#offeredAt > TOAST_PAUSE) this.dismiss();
    if (!taken) return;
    this.#entered = false;
    this.#shut();
    change.method('replace');
  };

  #gone = () => {
    if (!this.#changing) return;
    this.#changing = false;
    this.#reopenSoon();
  };

  #reopenSoon() {
    if (!this.#isOpen) return;
    const token = waiter.beginAsync();
    // The router writes the address of the new page after it has told of it.
    setTimeout(() => {
      this.#reopened();
      waiter.endAsync(token);
    }, 0);
  }
}

declare module '@ember/service' {
  interface Registry {
    ui: UiService;
  }
}
