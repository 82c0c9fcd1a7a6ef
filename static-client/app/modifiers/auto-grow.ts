import { modifier } from 'ember-modifier';

/** Makes a textarea as high as its text; CSS sets the limits. */
export default modifier((element: HTMLTextAreaElement, _: [string]) => {
  element.style.height = 'auto';
  element.style.height = `${element.scrollHeight}px`;
});
