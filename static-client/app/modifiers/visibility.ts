import { modifier } from 'ember-modifier';

/** Reports when the page is hidden and when it becomes visible again. */
export default modifier(
  (_: HTMLElement, [hidden, shown]: [() => void, () => void]) => {
    const changed = () => {
      if (document.visibilityState === 'hidden') hidden();
      else shown();
    };
    document.addEventListener('visibilitychange', changed);
    return () => document.removeEventListener('visibilitychange', changed);
  },
);
