import { modifier } from 'ember-modifier';
import { focusSoon } from '../lib/focus.ts';

/** Focuses the first item of a list when it appears. */
export default modifier((element: HTMLElement, [index]: [number]) => {
  if (index === 0) focusSoon(element);
});
