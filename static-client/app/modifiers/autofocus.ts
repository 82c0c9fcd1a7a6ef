import { modifier } from 'ember-modifier';

/** Puts the focus on an element when it appears; with `fine`, only where a mouse is used. */
export default modifier(
  (element: HTMLElement, _: [], { fine = false }: { fine?: boolean }) => {
    // On a phone the keyboard would come up and hide the conversation.
    if (fine && !matchMedia('(pointer: fine)').matches) return;
    element.focus({ preventScroll: true });
  },
);
