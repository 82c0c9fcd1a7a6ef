import { modifier } from 'ember-modifier';
import { focusSoon } from '../lib/focus.ts';

/** Where one is, or else what comes first. */
const PLACES = ['[aria-current]', 'button, a[href]'];

/** The focus goes into a drawer that is opened: it covers what had it. */
export default modifier((element: HTMLElement, [open]: [boolean]) => {
  if (!open) return;
  for (const place of PLACES) {
    const found = [...element.querySelectorAll<HTMLElement>(place)].find(
      (one) => one.checkVisibility({ visibilityProperty: true }),
    );
    if (!found) continue;
    focusSoon(found);
    return;
  }
});
