import { modifier } from 'ember-modifier';

/** Reports when something outside the element is pressed or focused. */
export default modifier(
  (element: HTMLElement, [left]: [(event: Event) => void]) => {
    const moved = (event: Event) => {
      const { target } = event;
      if (target instanceof Node && !element.contains(target)) left(event);
    };
    document.addEventListener('pointerdown', moved);
    document.addEventListener('focusin', moved);
    return () => {
      document.removeEventListener('pointerdown', moved);
      document.removeEventListener('focusin', moved);
    };
  },
);
