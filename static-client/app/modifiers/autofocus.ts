import { modifier } from 'ember-modifier';
import { focusSoon } from '../lib/focus.ts';

/** Focuses an element when it appears; with `fine`, only on devices with a mouse. */
export default modifier(
  (element: HTMLElement, _: [], { fine = false }: { fine?: boolean }) => {
    // On a phone, the keyboard would appear and hide the conversation.
    if (fine && !matchMedia('(pointer: fine)').matches) return;
    focusSoon(element);
  },
);
