import { modifier } from 'ember-modifier';

/** Listens for keys anywhere on the page. */
export default modifier(
  (_: HTMLElement, [press]: [(event: KeyboardEvent) => void]) => {
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  },
);
