/** Where the focus goes, and that it is never lost. */

/**
 * Focuses an element once the modifier has run. Handlers of focus events must not run within it: what they read would count
 * as read by the modifier, which would run again, and take the focus again, whenever that changes.
 */
export function focusSoon(element: HTMLElement) {
  queueMicrotask(() => {
    if (element.isConnected) element.focus({ preventScroll: true });
  });
}

/** Fields that open a keyboard on the screen, which hides what is read. */
const FIELDS = 'input, textarea';

function isSeen(element: Element): boolean {
  return element.checkVisibility({ visibilityProperty: true });
}

function canTake(element: HTMLElement): boolean {
  if (element.matches(':disabled') || !isSeen(element)) return false;
  return !element.matches(FIELDS) || !matchMedia('(pointer: coarse)').matches;
}

/** Headings and regions can be focused, but are no stops of Tab. */
function make(element: HTMLElement): HTMLElement {
  if (element.tabIndex < 0 && !element.hasAttribute('tabindex')) {
    element.tabIndex = -1;
  }
  return element;
}

/** What takes the focus of something that went from an element: the element itself, or what it names. */
function homeIn(element: Element): HTMLElement | undefined {
  if (!(element instanceof HTMLElement)) return undefined;
  const named = element.dataset['focusHome'];
  if (named) {
    return named
      .split(',')
      .flatMap((one) => [...element.querySelectorAll<HTMLElement>(one)])
      .find(canTake);
  }
  const label =
    element.localName === 'section' && element.getAttribute('aria-labelledby');
  const heading = label ? document.getElementById(label) : null;
  if (heading) return heading;
  return named === '' || element.hasAttribute('tabindex') ? element : undefined;
}

/** The nearest place for the focus, of elements from the inside outwards to the root. */
function homeOf(
  around: readonly Element[],
  root: HTMLElement,
): HTMLElement | undefined {
  for (const element of [...around, root]) {
    if (!element.isConnected) continue;
    // The root may have no box of its own.
    if (element !== root && !isSeen(element)) continue;
    const home = homeIn(element);
    if (home && canTake(home)) return make(home);
  }
  return undefined;
}

/** An element and all around it, from the inside outwards. */
function* outwards(element: Element | null) {
  for (let at = element; at; at = at.parentElement) yield at;
}

/** What can make an element lose the focus without anybody taking it. */
const LOSING = ['disabled', 'hidden', 'data-drawer'];

/**
 * Keeps the focus within an element. If what has it is removed, hidden or disabled, browsers give it to the whole page:
 * screen readers begin to read from the top, and keys lead nowhere. Here the nearest place around takes it that is meant
 * for that: `data-focus-home` with selectors, the best first, or empty for the element itself; a focusable element; the
 * heading of a section. A button that is disabled for a while gets it back.
 */
export class FocusKeeper {
  readonly #root: HTMLElement;
  readonly #observer = new MutationObserver(() => queueMicrotask(this.#check));
  #last: HTMLElement | undefined;
  #around: readonly Element[] = [];
  #lent: { button: HTMLElement; to: HTMLElement } | undefined;

  constructor(root: HTMLElement) {
    this.#root = root;
    root.addEventListener('focusin', this.#came);
    root.addEventListener('focusout', this.#went);
    this.#observer.observe(root, {
      subtree: true,
      childList: true,
      attributeFilter: LOSING,
    });
  }

  stop() {
    this.#observer.disconnect();
    this.#root.removeEventListener('focusin', this.#came);
    this.#root.removeEventListener('focusout', this.#went);
  }

  #came = ({ target }: FocusEvent) => {
    if (!(target instanceof HTMLElement)) return;
    this.#last = target;
    this.#around = [...outwards(target.parentElement)];
    if (target !== this.#lent?.to) this.#lent = undefined;
  };

  /** Only what is still there was left by the reader. */
  #went = ({ target, relatedTarget }: FocusEvent) => {
    if (relatedTarget) return;
    queueMicrotask(() => {
      if (this.#last !== target || document.activeElement === target) return;
      if (!this.#isLost()) this.#last = undefined;
    });
  };

  #isLost(): boolean {
    const last = this.#last;
    if (!last) return false;
    return !last.isConnected || last.matches(':disabled') || !isSeen(last);
  }

  #check = () => {
    const { activeElement } = document;
    const lent = this.#lent;
    if (lent && activeElement === lent.to) {
      if (canTake(lent.button)) {
        this.#lent = undefined;
        lent.button.focus({ preventScroll: true });
        return;
      }
    }
    const last = this.#last;
    if (!last || !this.#isLost()) return;
    // Somebody has taken it already.
    if (activeElement !== document.body && activeElement !== last) return;
    this.#last = undefined;
    const to = homeOf(this.#around, this.#root);
    if (!to) return;
    if (last.isConnected) this.#lent = { button: last, to };
    to.focus({ preventScroll: true });
  };
}
