import { modifier } from 'ember-modifier';
import { FocusKeeper } from '../lib/focus.ts';

/** The focus is not lost within the element when what has it goes. */
export default modifier((element: HTMLElement) => {
  const keeper = new FocusKeeper(element);
  return () => keeper.stop();
});
