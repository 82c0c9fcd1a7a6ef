import { modifier } from 'ember-modifier';

/** Focuses the first item of a list when it appears. */
export default modifier((element: HTMLElement, [index]: [number]) => {
  if (index === 0) element.focus({ preventScroll: true });
});
