import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import { buildWaiter } from '@ember/test-waiters';
import type RouterService from '@ember/routing/router-service';
import type { Connection } from '../lib/chat/types.ts';

export type Dialog =
  | { kind: 'join'; networkId: string }
  | { kind: 'invite' }
  | { kind: 'network'; connection?: Connection }
  | { kind: 'switcher' }
  | { kind: 'topic'; key: string }
  | { kind: 'call'; key: string }
  | { kind: 'put-out'; peer: string }
  | { kind: 'end-call' }
  | { kind: 'webhooks'; key: string }
  | { kind: 'mail'; key: string }
  | { kind: 'help' };

/** What was just done, and how to take it back. */
export interface Toast {
  text: string;
  undo: () => void;
  /** Whether it is so still: what was undone in another way is not offered any more. */
  stands?: () => boolean;
}

/** How long one can undo something, in ms. */
const TOAST_TIME = 8_000;
/** To go to another page after this long says that one does not want to, in ms; leaving a room goes to one by itself. */
const TOAST_PAUSE = 1_000;

/** What a transition of the router is asked here. */
interface Transition {
  from?: { name: string } | null;
  to?: { name: string } | null;
  isAborted: boolean;
  abort(): unknown;
  retry(): { finally(done: () => void): unknown };
  method(how: 'replace'): unknown;
}

/** Tests wait until the history is what it will be. */
const waiter = buildWaiter('subspace:history');

/**
 * What is open on the screen. A dialog or a drawer has an entry of its own in the browser's history, so the button
 * Back, which a telephone has at hand, closes it first; a page that is opened from it takes over that entry. What is
 * closed by hand takes its entry away by going back, which the browser does in its own time and which would undo a
 * change of the page that comes meanwhile: that one waits.
 */
export default class UiService extends Service {
  @service declare router: RouterService;

  @tracked dialog: Dialog | undefined;
  /** The drawer that is open on a narrow screen. */
  @tracked drawer: 'navigation' | 'members' | undefined;
  /** The member list on a wide screen. */
  @tracked membersShown = true;
  /** Said to screen readers. */
  @tracked announcement = '';
  @tracked toast: Toast | undefined;

  /** The newest entry of the history is that of what is open, or was open a moment ago. */
  #entered = false;
  /** That entry is being taken away, which the browser does in its own time. */
  #leaving = false;
  /** The change of the page that waits for that, the latest one. */
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

  get #isOpen(): boolean {
    return Boolean(this.dialog ?? this.drawer);
  }

  #shut() {
    this.dialog = undefined;
    this.drawer = undefined;
  }

  announce(text: string) {
    this.announcement = text;
  }

  /** Offers to undo what was just done. */
  offer(toast: Toast) {
    clearTimeout(this.#timer);
    this.toast = toast;
    this.#offeredAt = performance.now();
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
    if (this.#listening) this.router.off('routeWillChange', this.#goes);
    this.#shut();
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
  }

  #enter() {
    this.#listen();
    if (this.#entered || this.#leaving) return;
    this.#push();
  }

  #push() {
    this.#entered = true;
    history.pushState({ ...(history.state as object | null), layer: true }, '');
  }

  /** Takes the entry away, unless what was chosen leads to another page, which takes it over. */
  #leave() {
    const token = waiter.beginAsync();
    setTimeout(() => {
      if (!this.#entered || this.#isOpen) waiter.endAsync(token);
      else this.#takeAway(token);
    }, 0);
  }

  #takeAway(token: ReturnType<typeof waiter.beginAsync>) {
    this.#entered = false;
    this.#leaving = true;
    this.#left = () => {
      this.#left = () => {};
      waiter.endAsync(token);
      if (this.isDestroying) {
        window.removeEventListener('popstate', this.#back);
      }
    };
    history.back();
  }

  #left = () => {};

  /** What was opened while an entry was taken away has its own now. */
  #reopened = () => {
    if (this.isDestroying || this.#entered) return;
    if (this.#isOpen) this.#push();
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
    this.#entered = false;
    this.#shut();
  };

  #goes = (transition: unknown) => {
    const change = transition as Transition;
    if (change.isAborted) return;
    if (this.#leaving) {
      this.#waiting = change;
      change.abort();
      return;
    }
    if (performance.now() - this.#offeredAt > TOAST_PAUSE) this.dismiss();
    const { from, to } = change;
    // The chat's own redirect to its first room is not the user's choice.
    if (!this.#entered || !to || from?.name === 'chat.index') return;
    this.#entered = false;
    this.#shut();
    change.method('replace');
  };
}

declare module '@ember/service' {
  interface Registry {
    ui: UiService;
  }
}
